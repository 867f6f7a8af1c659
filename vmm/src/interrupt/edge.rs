//! An edge-triggered line: an event that KVM turns into an interrupt without leaving the kernel.

use super::Controllers;
use super::lines::Lines;
use devices::interrupt::EdgeLine;
use std::io;
use std::sync::Arc;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// A connected line; dropping it disconnects it and frees it for another owner.
pub(super) struct KvmEdgeLine<C: Controllers> {
    pub(super) event: EventFd,
    line: u32,
    controllers: Arc<C>,
    lines: Arc<Lines<C>>,
}

impl<C: Controllers> KvmEdgeLine<C> {
    pub(super) fn connect(controllers: &Arc<C>, lines: &Arc<Lines<C>>, line: u32) -> io::Result<Self> {
        let event = EventFd::new(EFD_NONBLOCK)?;
        controllers.connect(&event, line).map_err(io::Error::other)?;
        Ok(Self { event, line, controllers: Arc::clone(controllers), lines: Arc::clone(lines) })
    }
}

impl<C: Controllers> EdgeLine for KvmEdgeLine<C> {
    fn trigger(&self) {
        // It fails only when 2^64 - 2 triggers wait to be taken: then one is pending, which is all there can be.
        let _ = self.event.write(1);
    }
}

impl<C: Controllers> Drop for KvmEdgeLine<C> {
    fn drop(&mut self) {
        if let Err(error) = self.controllers.disconnect(&self.event, self.line) {
            tracing::warn!(line = self.line, "Cannot disconnect an interrupt line: {error}");
        }
        self.lines.free(self.line);
    }
}
