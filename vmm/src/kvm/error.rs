//! One error for every call: its name, what to do, and what the host said.

use std::borrow::Cow;
use std::io;
use thiserror::Error;

/// A call to KVM that failed.
#[derive(Debug, Error)]
#[error("{call} failed: {advice}")]
pub(crate) struct KvmError {
    /// The ioctl or system call.
    pub call: &'static str,
    /// What the user can do about it.
    pub advice: Cow<'static, str>,
    /// What the host said.
    #[source]
    pub source: io::Error,
}

impl KvmError {
    /// The error of `call`, with the advice that fits what the host said.
    pub(crate) fn new(call: &'static str, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Self { call, advice: advice(call, source.raw_os_error().unwrap_or(0)).into(), source }
    }

    /// The error of `call`, with an advice of its own.
    pub(crate) fn with_advice(
        call: &'static str,
        source: impl Into<io::Error>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { call, advice: advice.into(), source: source.into() }
    }

    /// Something that KVM does not offer.
    pub(crate) fn unsupported(call: &'static str, advice: impl Into<Cow<'static, str>>) -> Self {
        Self::with_advice(call, io::ErrorKind::Unsupported, advice)
    }
}

/// Names the call in the error of `result`.
pub(super) fn named<T>(call: &'static str, result: Result<T, kvm_ioctls::Error>) -> Result<T, KvmError> {
    result.map_err(|errno| KvmError::new(call, io::Error::from_raw_os_error(errno.errno())))
}

/// The name under which opening the device is reported.
pub(super) const OPEN: &str = "Opening /dev/kvm";

fn advice(call: &str, errno: i32) -> &'static str {
    match (call, errno) {
        (OPEN, libc::EACCES | libc::EPERM) => {
            "give the user read and write access to it (its group is usually `kvm`: `usermod -aG kvm USER`, then log \
             in again), or pass in a descriptor that is already open"
        }
        (OPEN, libc::ENOENT | libc::ENXIO | libc::ENODEV) => {
            "load the module kvm_intel or kvm_amd, and see that virtualisation is switched on in the firmware (or \
             nested virtualisation in the outer hypervisor); in a container, pass the device in"
        }
        ("KVM_CREATE_VM", libc::EBUSY) => "another hypervisor holds the processor's virtualisation: stop it first",
        ("KVM_CREATE_VCPU", libc::EINVAL) => "use fewer vCPUs: the host takes no vCPU with this id",
        ("KVM_CREATE_VCPU" | "KVM_CREATE_PIT2" | "KVM_CREATE_IRQCHIP", libc::EEXIST) => {
            "it exists already, which is a fault of this program: report it"
        }
        ("KVM_GET_MSR_INDEX_LIST" | "KVM_GET_SUPPORTED_CPUID", libc::E2BIG) => {
            "the host lists more than this program has room for: use a newer version of this program"
        }
        ("KVM_SET_CPUID2", libc::EINVAL) => {
            "the host refuses this processor description: use a CPU model that this host supports"
        }
        ("KVM_RUN", libc::EFAULT) => {
            "the host could not provide a page of guest memory: see that the memory's backing (file, huge pages) was \
             not truncated or used up"
        }
        (_, libc::ENOMEM) => "the host has no memory for it: free memory, or run fewer or smaller machines",
        (_, libc::EMFILE | libc::ENFILE) => "too many descriptors are open: raise the limit (`ulimit -n`)",
        (_, libc::EPERM | libc::EACCES) => {
            "the host forbids it: see that the sandbox (seccomp, security module) of this process allows KVM"
        }
        (_, libc::EBUSY) => "the host is using it: try again when the other user is gone",
        (_, libc::ENOSPC) => "the host has reached a limit: run fewer machines on it",
        (_, libc::ENOTTY | libc::ENOSYS | libc::EOPNOTSUPP) => {
            "this host's KVM does not know the call: use a newer host kernel"
        }
        (_, libc::EBADF) => "the descriptor that was passed in is not /dev/kvm, opened for reading and writing",
        (_, libc::EIO) => {
            "this process has left the address space that created the machine, or KVM found a bug and \
             gave the machine up: see the host's kernel log"
        }
        _ => "the host's kernel refuses it: see its log (`dmesg`), and report it with the kernel's version",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::error::Error;

    #[test]
    fn the_text_names_the_call_and_what_to_do_and_leaves_the_cause_to_the_chain() {
        let error = KvmError::new(OPEN, io::Error::from_raw_os_error(libc::EACCES));
        let text = error.to_string();
        assert!(text.starts_with("Opening /dev/kvm failed: "), "{text}");
        assert!(text.contains("group is usually `kvm`"), "{text}");
        assert!(!text.contains("Permission denied"), "the source is printed by the chain: {text}");
        assert_eq!(error.source().unwrap().to_string(), "Permission denied (os error 13)");
    }

    #[test]
    fn a_missing_device_is_told_apart_from_a_forbidden_one() {
        let text = KvmError::new(OPEN, io::Error::from_raw_os_error(libc::ENOENT)).to_string();
        assert!(text.contains("kvm_intel or kvm_amd"), "{text}");
    }

    #[test]
    fn every_error_says_what_to_do() {
        for errno in 0..134 {
            for call in [OPEN, "KVM_CREATE_VM", "KVM_RUN", "KVM_SET_LAPIC"] {
                assert!(!KvmError::new(call, io::Error::from_raw_os_error(errno)).advice.is_empty());
            }
        }
    }
}
