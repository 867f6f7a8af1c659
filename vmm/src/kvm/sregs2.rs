//! KVM_GET_SREGS2 and KVM_SET_SREGS2, which kvm-ioctls does not wrap: as sregs, with the PDPTRs of a 32-bit guest
//! with PAE, so that they need not be read from its memory again.

use super::error::KvmError;
use super::vcpu::KvmVcpu;
use kvm_bindings::{KVMIO, kvm_sregs2};
use std::io;
use vmm_sys_util::ioctl::{ioctl_with_mut_ref, ioctl_with_ref};
use vmm_sys_util::{ioctl_ior_nr, ioctl_iow_nr};

ioctl_ior_nr!(KVM_GET_SREGS2, KVMIO, 0xcc, kvm_sregs2);
ioctl_iow_nr!(KVM_SET_SREGS2, KVMIO, 0xcd, kvm_sregs2);

impl KvmVcpu {
    /// Reads segment, control and table registers with the PDPTRs. Needs [`super::Capabilities::sregs2`].
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn get_sregs2(&self) -> Result<kvm_sregs2, KvmError> {
        let mut sregs = kvm_sregs2::default();
        // SAFETY: the descriptor is a vCPU's, and the kernel writes exactly this structure.
        let code = unsafe { ioctl_with_mut_ref(&self.fd, KVM_GET_SREGS2(), &mut sregs) };
        checked("KVM_GET_SREGS2", code).map(|()| sregs)
    }

    /// Writes what [`KvmVcpu::get_sregs2`] reads.
    ///
    /// # Errors
    /// The host refuses a value.
    pub(crate) fn set_sregs2(&self, sregs: &kvm_sregs2) -> Result<(), KvmError> {
        // SAFETY: the descriptor is a vCPU's, and the kernel reads exactly this structure.
        checked("KVM_SET_SREGS2", unsafe { ioctl_with_ref(&self.fd, KVM_SET_SREGS2(), sregs) })
    }
}

fn checked(call: &'static str, code: i32) -> Result<(), KvmError> {
    if code == 0 { Ok(()) } else { Err(KvmError::new(call, io::Error::last_os_error())) }
}
