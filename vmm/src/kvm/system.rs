//! `/dev/kvm` itself.

use super::capabilities::Capabilities;
use super::error::{KvmError, OPEN, named};
use super::report::{self, KvmCapability};
use super::vm::KvmVm;
use kvm_bindings::{CpuId, KVM_API_VERSION, KVM_MAX_CPUID_ENTRIES};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

/// The opened device.
#[derive(Debug)]
pub(crate) struct Kvm {
    fd: kvm_ioctls::Kvm,
    capabilities: Arc<Capabilities>,
}

impl Kvm {
    /// Takes `descriptor`, or opens `/dev/kvm` when there is none, and checks that it can do what is needed.
    ///
    /// # Errors
    /// The device cannot be opened, speaks another version of the interface, or lacks a required capability.
    pub(crate) fn open(descriptor: Option<OwnedFd>) -> Result<Self, KvmError> {
        let descriptor = match descriptor {
            Some(descriptor) => descriptor,
            None => std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/kvm")
                .map_err(|source| KvmError::new(OPEN, source))?
                .into(),
        };
        let fd = Self::recognise(descriptor)?;
        let capabilities = Arc::new(Capabilities::read(|cap| fd.check_extension_raw(cap.into()))?);
        Ok(Self { fd, capabilities })
    }

    /// All that machines ask of `descriptor`, which may lack any of it.
    ///
    /// # Errors
    /// It is not `/dev/kvm`, or speaks another version of the interface.
    pub(crate) fn report(descriptor: OwnedFd) -> Result<Vec<KvmCapability>, KvmError> {
        let fd = Self::recognise(descriptor)?;
        Ok(report::read(|cap| fd.check_extension_raw(cap.into())))
    }

    /// Checks that `descriptor` is `/dev/kvm`, in the version that this program speaks.
    fn recognise(descriptor: OwnedFd) -> Result<kvm_ioctls::Kvm, KvmError> {
        // SAFETY: `into_raw_fd` gives up the ownership of an open descriptor, and the new object takes it. That it
        // is /dev/kvm is not needed for memory safety: the version is asked first, and other files refuse that.
        let fd = unsafe { kvm_ioctls::Kvm::from_raw_fd(descriptor.into_raw_fd()) };
        match fd.get_api_version() {
            version if version < 0 => {
                let source = io::Error::last_os_error();
                Err(KvmError::with_advice(
                    "KVM_GET_API_VERSION",
                    source,
                    "the descriptor is not /dev/kvm, opened for reading and writing: pass in the right one",
                ))
            }
            version if u32::try_from(version) != Ok(KVM_API_VERSION) => Err(KvmError::unsupported(
                "KVM_GET_API_VERSION",
                format!("the host speaks version {version}, this program {KVM_API_VERSION}: use a newer host kernel"),
            )),
            _ => Ok(fd),
        }
    }

    /// What the host can do.
    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The CPUID leaves that the host can give to a guest (KVM_GET_SUPPORTED_CPUID).
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn supported_cpuid(&self) -> Result<CpuId, KvmError> {
        named("KVM_GET_SUPPORTED_CPUID", self.fd.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES))
    }

    /// The MSRs whose values belong to a vCPU's state on this host (KVM_GET_MSR_INDEX_LIST).
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn msr_indices(&self) -> Result<Vec<u32>, KvmError> {
        Ok(named("KVM_GET_MSR_INDEX_LIST", self.fd.get_msr_index_list())?.as_slice().to_vec())
    }

    /// Makes a machine: no memory, no vCPU, no interrupt controller.
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn create_vm(&self) -> Result<KvmVm, KvmError> {
        // KVM_CREATE_VM may be interrupted by a signal while it waits for its threads.
        loop {
            match self.fd.create_vm() {
                Err(errno) if errno.errno() == libc::EINTR => {}
                result => {
                    let fd = named("KVM_CREATE_VM", result)?;
                    return Ok(KvmVm::new(fd, Arc::clone(&self.capabilities)));
                }
            }
        }
    }
}
