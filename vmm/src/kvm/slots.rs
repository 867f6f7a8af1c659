//! Memory slots: which host memory backs which guest-physical range.

use super::error::{KvmError, named};
use super::vm::KvmVm;
use crate::memory::{MemorySlots, RamRegion, Slot, SlotError, SlotId};
use kvm_bindings::{KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, kvm_userspace_memory_region};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The mappings that KVM uses. The machine and each of its vCPUs share it: the memory goes when the last of them,
/// and so KVM's own use of it, has gone.
pub(super) type SlotRegions = Arc<Mutex<BTreeMap<u32, Arc<RamRegion>>>>;

impl MemorySlots for KvmVm {
    /// KVM changes only `log_dirty` of a slot that exists; all else needs a [`MemorySlots::remove`] first, with all
    /// vCPUs out of KVM_RUN. Read-only slots need [`super::Capabilities::readonly_memory`].
    fn set(&self, id: SlotId, slot: &Slot) -> Result<(), SlotError> {
        if slot.readonly() && !self.capabilities().readonly_memory {
            return Err(KvmError::unsupported(
                "KVM_SET_USER_MEMORY_REGION",
                "this host's KVM has no read-only memory (KVM_CAP_READONLY_MEM): use another host",
            )
            .into());
        }
        let mut flags = 0;
        if slot.readonly() {
            flags |= KVM_MEM_READONLY;
        }
        if slot.log_dirty() {
            flags |= KVM_MEM_LOG_DIRTY_PAGES;
        }
        let region = kvm_userspace_memory_region {
            slot: id.0,
            flags,
            guest_phys_addr: slot.start(),
            memory_size: slot.len(),
            userspace_addr: slot.host_address(),
        };
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the slot lies in its region's mapping (`Slot` upholds it), and the region is kept in `regions` until
        // the slot is removed and the vCPUs are gone. Nobody holds references into it: vm-memory reads and writes it
        // as volatile memory. KVM refuses overlaps.
        named("KVM_SET_USER_MEMORY_REGION", unsafe { self.fd.set_user_memory_region(region) })?;
        regions.insert(id.0, Arc::clone(slot.region()));
        Ok(())
    }

    fn remove(&self, id: SlotId) -> Result<(), SlotError> {
        let region = kvm_userspace_memory_region { slot: id.0, ..Default::default() };
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a size of 0 deletes; KVM gets no address.
        named("KVM_SET_USER_MEMORY_REGION", unsafe { self.fd.set_user_memory_region(region) })?;
        regions.remove(&id.0);
        Ok(())
    }

    fn dirty_log(&self, id: SlotId, slot: &Slot) -> Result<Vec<u64>, SlotError> {
        const CALL: &str = "KVM_GET_DIRTY_LOG";
        let size =
            usize::try_from(slot.len()).map_err(|_| KvmError::new(CALL, io::Error::from_raw_os_error(libc::EINVAL)))?;
        Ok(named(CALL, self.fd.get_dirty_log(id.0, size))?)
    }
}
