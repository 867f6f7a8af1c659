//! Guest writes that raise an event instead of leaving KVM_RUN.

use super::error::{KvmError, named};
use super::vm::KvmVm;
use devices::pci::Space;
use kvm_ioctls::{IoEventAddress, NoDatamatch};
use vmm_sys_util::eventfd::EventFd;

/// A guest write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoEvent {
    /// Where the address is.
    pub space: Space,
    /// The port, or the guest-physical address.
    pub address: u64,
    /// Only four bytes of this value raise the event; `None`: any value of any width does.
    pub value: Option<u32>,
}

impl IoEvent {
    fn place(self) -> IoEventAddress {
        match self.space {
            Space::Io => IoEventAddress::Pio(self.address),
            Space::Memory => IoEventAddress::Mmio(self.address),
        }
    }
}

impl KvmVm {
    /// Lets the guest's write raise `event` (KVM_IOEVENTFD).
    ///
    /// # Errors
    /// The host refuses, or the write is taken.
    pub(crate) fn register_ioevent(&self, event: &EventFd, write: IoEvent) -> Result<(), KvmError> {
        named(
            "KVM_IOEVENTFD",
            match write.value {
                Some(value) => self.fd.register_ioevent(event, &write.place(), value),
                None => self.fd.register_ioevent(event, &write.place(), NoDatamatch),
            },
        )
    }

    /// Undoes [`KvmVm::register_ioevent`].
    ///
    /// # Errors
    /// The write does not raise this event.
    pub(crate) fn unregister_ioevent(&self, event: &EventFd, write: IoEvent) -> Result<(), KvmError> {
        named(
            "KVM_IOEVENTFD",
            match write.value {
                Some(value) => self.fd.unregister_ioevent(event, &write.place(), value),
                None => self.fd.unregister_ioevent(event, &write.place(), NoDatamatch),
            },
        )
    }
}
