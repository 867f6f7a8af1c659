//! One machine: its fixed pages, its clock and its vCPUs. Slots and interrupt controllers stand in files of their own.

use super::capabilities::Capabilities;
use super::error::{KvmError, named};
use super::slots::SlotRegions;
use super::vcpu::KvmVcpu;
use kvm_bindings::kvm_clock_data;
use kvm_ioctls::{Cap, VmFd};
use std::sync::Arc;

/// A machine's descriptor.
#[derive(Debug)]
pub(crate) struct KvmVm {
    pub(super) fd: VmFd,
    pub(super) regions: SlotRegions,
    capabilities: Arc<Capabilities>,
}

impl KvmVm {
    pub(super) fn new(fd: VmFd, capabilities: Arc<Capabilities>) -> Self {
        Self { fd, regions: SlotRegions::default(), capabilities }
    }

    /// What the host can do.
    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Where KVM keeps its one-page identity map (KVM_SET_IDENTITY_MAP_ADDR). Before the first vCPU.
    ///
    /// # Errors
    /// The host refuses, or a vCPU exists.
    pub(crate) fn set_identity_map_address(&self, address: u64) -> Result<(), KvmError> {
        named("KVM_SET_IDENTITY_MAP_ADDR", self.fd.set_identity_map_address(address))
    }

    /// Where KVM keeps the three pages of its task state (KVM_SET_TSS_ADDR).
    ///
    /// # Errors
    /// The host refuses, for example an address above 4 GiB.
    pub(crate) fn set_tss_address(&self, address: u64) -> Result<(), KvmError> {
        let address = usize::try_from(address)
            .map_err(|_| KvmError::new("KVM_SET_TSS_ADDR", std::io::Error::from_raw_os_error(libc::EINVAL)))?;
        named("KVM_SET_TSS_ADDR", self.fd.set_tss_address(address))
    }

    /// The guest's paravirtual clock (KVM_GET_CLOCK): nanoseconds, and flags that say which other fields are set.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn get_clock(&self) -> Result<kvm_clock_data, KvmError> {
        named("KVM_GET_CLOCK", self.fd.get_clock())
    }

    /// Sets the guest's paravirtual clock (KVM_SET_CLOCK). Only flags in [`Capabilities::clock_flags`] are taken.
    ///
    /// # Errors
    /// The host refuses, for example flags that it does not know.
    pub(crate) fn set_clock(&self, clock: &kvm_clock_data) -> Result<(), KvmError> {
        named("KVM_SET_CLOCK", self.fd.set_clock(clock))
    }

    /// Makes the vCPU whose APIC id is `id`.
    ///
    /// # Errors
    /// The host refuses, the id is taken or too high.
    pub(crate) fn create_vcpu(&self, id: u32) -> Result<KvmVcpu, KvmError> {
        let fd = named("KVM_CREATE_VCPU", self.fd.create_vcpu(id.into()))?;
        let sizes = (self.fd.run_size(), self.xsave_size());
        KvmVcpu::new(fd, id, sizes, Arc::clone(&self.capabilities), Arc::clone(&self.regions))
    }

    /// Bytes of a vCPU's XSAVE state: 4096, or more when the process may use dynamic features in guests.
    fn xsave_size(&self) -> usize {
        usize::try_from(self.fd.check_extension_int(Cap::Xsave2)).unwrap_or(0).max(super::xsave::LEGACY_SIZE)
    }
}
