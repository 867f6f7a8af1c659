//! Memory slots: which host memory backs which guest-physical range.

use super::error::{KvmError, named};
use super::vm::KvmVm;
use kvm_bindings::{KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, kvm_userspace_memory_region};

/// One slot. All addresses and the size are multiples of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserSlot {
    /// The slot's number, below [`super::Capabilities::memory_slots`].
    pub id: u32,
    /// Guest-physical start.
    pub guest: u64,
    /// Start of the mapping in this process.
    pub host: u64,
    /// Bytes.
    pub size: u64,
    /// Writes leave the guest as MMIO. Needs [`super::Capabilities::readonly_memory`].
    pub read_only: bool,
    /// KVM notes which pages the guest writes.
    pub log_dirty: bool,
}

impl KvmVm {
    /// Makes a slot, or changes the flags of one (KVM_SET_USER_MEMORY_REGION).
    ///
    /// KVM changes only `log_dirty` of a slot that exists; `read_only`, the size and the place need a
    /// [`KvmVm::delete_slot`] first, with all vCPUs out of KVM_RUN.
    ///
    /// # Errors
    /// The slot overlaps another, is not aligned, or the host has no room.
    ///
    /// # Safety
    /// `host..host + size` is a mapping of this process that stays until the slot is deleted and that may change
    /// under its other users at any time: nobody holds a Rust reference into it.
    pub(crate) unsafe fn set_slot(&self, slot: UserSlot) -> Result<(), KvmError> {
        let flags = if slot.read_only { KVM_MEM_READONLY } else { 0 }
            | if slot.log_dirty { KVM_MEM_LOG_DIRTY_PAGES } else { 0 };
        let region = kvm_userspace_memory_region {
            slot: slot.id,
            flags,
            guest_phys_addr: slot.guest,
            memory_size: slot.size,
            userspace_addr: slot.host,
        };
        // SAFETY: the caller upholds that the mapping is valid for the slot's life; KVM refuses overlaps.
        named("KVM_SET_USER_MEMORY_REGION", unsafe { self.fd.set_user_memory_region(region) })
    }

    /// Deletes a slot. The guest finds MMIO there from now on.
    ///
    /// # Errors
    /// There is no such slot.
    pub(crate) fn delete_slot(&self, id: u32) -> Result<(), KvmError> {
        let region = kvm_userspace_memory_region { slot: id, ..Default::default() };
        // SAFETY: a size of 0 deletes; KVM gets no address.
        named("KVM_SET_USER_MEMORY_REGION", unsafe { self.fd.set_user_memory_region(region) })
    }

    /// The pages of slot `id` (`size` bytes) that the guest wrote since the last call, one bit each, and forgets
    /// them (KVM_GET_DIRTY_LOG).
    ///
    /// # Errors
    /// There is no such slot, or it does not log.
    pub(crate) fn dirty_log(&self, id: u32, size: u64) -> Result<Vec<u64>, KvmError> {
        let size = usize::try_from(size)
            .map_err(|_| KvmError::new("KVM_GET_DIRTY_LOG", std::io::Error::from_raw_os_error(libc::EINVAL)))?;
        named("KVM_GET_DIRTY_LOG", self.fd.get_dirty_log(id, size))
    }
}
