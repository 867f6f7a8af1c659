//! How devices raise interrupts: they know lines, never GSIs, irqfds or routing.

use std::sync::Arc;
use thiserror::Error;

/// The number of an interrupt line as the board's tables give it to the guest (an ISA IRQ or an IOAPIC pin).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IrqLine(pub u32);

/// Why an interrupt line cannot be had.
#[derive(Debug, Error)]
pub enum InterruptError {
    /// The line is beyond the interrupt controller's pins.
    #[error("Interrupt line {line} does not exist: the controller has lines 0 to {last}")]
    NoSuchLine {
        /// The line asked for.
        line: u32,
        /// The last line there is.
        last: u32,
    },
    /// An edge line has one owner; this one is taken.
    #[error("Interrupt line {0} is already in use by another device")]
    Taken(u32),
    /// The host refused to connect the line.
    #[error("Cannot connect interrupt line {line}")]
    Host {
        /// The line asked for.
        line: u32,
        /// What the host said.
        #[source]
        source: std::io::Error,
    },
}

/// An edge-triggered line. Cheap to trigger from any thread; a trigger never blocks and never fails visibly.
pub trait EdgeLine: Send + Sync {
    /// Raises the line and lets it fall: one interrupt, merged with one that is still pending.
    fn trigger(&self);
}

/// Hands out interrupt lines. The machine implements it; it alone knows how lines reach vCPUs.
///
/// The traits of level-triggered lines and of message-signalled groups stand beside this one when PCI needs them.
pub trait InterruptManager: Send + Sync {
    /// Connects an edge-triggered line.
    ///
    /// # Errors
    /// The line does not exist, has an owner already, or the host refuses.
    fn edge_line(&self, line: IrqLine) -> Result<Arc<dyn EdgeLine>, InterruptError>;
}

#[cfg(test)]
pub(crate) mod tests {
    //! A line that counts.

    use super::EdgeLine;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts its triggers.
    #[derive(Default)]
    pub(crate) struct CountingLine(AtomicUsize);

    impl CountingLine {
        pub(crate) fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl EdgeLine for CountingLine {
        fn trigger(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
