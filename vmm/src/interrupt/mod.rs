//! Interrupts over KVM's in-kernel controllers.
//!
//! The one place that knows how an interrupt reaches a vCPU:
//!
//! | kind | how | GSI |
//! |---|---|---|
//! | edge line, one owner | irqfd | the line's number, by the routing that KVM makes with the controllers |
//! | level line, shared | KVM_IRQ_LINE when the first owner asserts it and when the last one lowers it | the same |
//! | message-signalled vector | irqfd, and a route that holds the message | from 24 on |
//!
//! The routing table is not touched before a guest connects its first message. The controllers' state moves with time
//! (the PIT), so it is taken with the machine's clocks (`arch/x86_64/clock.rs`); it has what is pending in them, but
//! not who asserts a level line: after a restore the owners assert theirs again.

mod edge;
mod level;
mod lines;
mod msi;
mod routing;

#[cfg(test)]
mod tests;

use crate::kvm::{KvmError, KvmVm};
use devices::interrupt::{EdgeLine, InterruptError, InterruptManager, IrqLine, LevelLine, MsiGroup, MsiMessage};
use edge::KvmEdgeLine;
use level::KvmLevelLine;
use lines::Lines;
use msi::KvmMsiGroup;
use routing::Routing;
use std::sync::Arc;
use vmm_sys_util::eventfd::EventFd;

/// What the manager needs of a hypervisor's interrupt controllers: a seam for tests.
pub(crate) trait Controllers: Send + Sync + 'static {
    /// Each write to `event` is an edge on `gsi`.
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError>;
    /// Undoes [`Controllers::connect`].
    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError>;
    /// Sets the level of the line `gsi`.
    fn set_level(&self, gsi: u32, asserted: bool) -> Result<(), KvmError>;
    /// Replaces all (GSI, message) routes; those of lines are kept.
    fn set_messages(&self, messages: &[(u32, MsiMessage)]) -> Result<(), KvmError>;
}

impl Controllers for KvmVm {
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.register_irqfd(event, gsi)
    }

    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.unregister_irqfd(event, gsi)
    }

    fn set_level(&self, gsi: u32, asserted: bool) -> Result<(), KvmError> {
        self.set_irq_line(gsi, asserted)
    }

    fn set_messages(&self, messages: &[(u32, MsiMessage)]) -> Result<(), KvmError> {
        self.set_routing(messages.iter().copied())
    }
}

/// The machine's interrupt controllers.
pub(crate) struct KvmInterruptManager<C: Controllers = KvmVm> {
    controllers: Arc<C>,
    lines: Arc<Lines<C>>,
    routing: Arc<Routing<C>>,
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
        let routing = Arc::new(Routing::new(Arc::clone(&controllers)));
        Self { controllers, lines: Arc::default(), routing }
    }
}

impl<C: Controllers> InterruptManager for KvmInterruptManager<C> {
    fn edge_line(&self, line: IrqLine) -> Result<Arc<dyn EdgeLine>, InterruptError> {
        let IrqLine(line) = line;
        self.lines.take(line)?;
        match KvmEdgeLine::connect(&self.controllers, &self.lines, line) {
            Ok(connected) => Ok(Arc::new(connected)),
            Err(source) => {
                self.lines.free(line);
                Err(InterruptError::Host { line, source })
            }
        }
    }

    fn level_line(&self, line: IrqLine) -> Result<Arc<dyn LevelLine>, InterruptError> {
        let IrqLine(line) = line;
        Ok(Arc::new(KvmLevelLine::new(self.lines.share(&self.controllers, line)?)))
    }

    fn msi_group(&self, vectors: u16) -> Result<Arc<dyn MsiGroup>, InterruptError> {
        Ok(Arc::new(KvmMsiGroup::connect(&self.routing, vectors)?))
    }
}
