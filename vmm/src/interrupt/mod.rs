//! Interrupt lines over KVM's in-kernel controllers.
//!
//! The one place that knows how a line reaches a vCPU: edge lines are irqfds on the GSI of the same number, by the
//! routing that KVM makes with the controllers (`kvm/irqchip.rs`); the table itself is not touched. The controllers'
//! state moves with time (the PIT), so it is taken with the machine's clocks (`arch/x86_64/clock.rs`).

mod edge;

#[cfg(test)]
mod tests;

use crate::kvm::{KvmError, KvmVm};
use devices::interrupt::{EdgeLine, InterruptError, InterruptManager, IrqLine};
use edge::KvmEdgeLine;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use vmm_sys_util::eventfd::EventFd;

/// The IOAPIC's last pin.
const LAST_LINE: u32 = 23;
/// Lines that no device can have: the PIT's, and the one over which the second PIC reaches the first.
const RESERVED: [u32; 2] = [0, 2];

/// What the manager needs of a hypervisor's interrupt controllers: a seam for tests.
pub(crate) trait Controllers: Send + Sync + 'static {
    /// Each write to `event` is an edge on `gsi`.
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError>;
    /// Undoes [`Controllers::connect`].
    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError>;
}

impl Controllers for KvmVm {
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.register_irqfd(event, gsi)
    }

    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.unregister_irqfd(event, gsi)
    }
}

/// The lines that have an owner.
type Taken = Arc<Mutex<BTreeSet<u32>>>;

/// The machine's interrupt controllers.
pub(crate) struct KvmInterruptManager<C = KvmVm> {
    controllers: Arc<C>,
    taken: Taken,
}

impl KvmInterruptManager<KvmVm> {
    /// Makes the controllers and the PIT. After the memory slots, before the vCPUs.
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn create(vm: Arc<KvmVm>) -> Result<Self, KvmError> {
        vm.create_irqchip()?;
        vm.create_pit()?;
        Ok(Self::over(vm))
    }
}

impl<C: Controllers> KvmInterruptManager<C> {
    fn over(controllers: Arc<C>) -> Self {
        Self { controllers, taken: Arc::new(Mutex::new(RESERVED.into())) }
    }
}

impl<C: Controllers> InterruptManager for KvmInterruptManager<C> {
    fn edge_line(&self, line: IrqLine) -> Result<Arc<dyn EdgeLine>, InterruptError> {
        let IrqLine(line) = line;
        if line > LAST_LINE {
            return Err(InterruptError::NoSuchLine { line, last: LAST_LINE });
        }
        if !self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(line) {
            return Err(InterruptError::Taken(line));
        }
        match KvmEdgeLine::connect(&self.controllers, &self.taken, line) {
            Ok(connected) => Ok(Arc::new(connected)),
            Err(source) => {
                self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&line);
                Err(InterruptError::Host { line, source })
            }
        }
    }
}
