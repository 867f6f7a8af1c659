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
    /// An edge line has one owner, and the owners of a level line are all level-triggered: this one is taken.
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
    /// The host has no message-signalled interrupts left.
    #[error("There are not {0} message-signalled interrupts left: use fewer devices, or devices with fewer queues")]
    NoVectors(u16),
    /// The group has fewer vectors.
    #[error("Vector {vector} does not exist: the group has {vectors}")]
    NoSuchVector {
        /// The vector.
        vector: u16,
        /// How many there are.
        vectors: u16,
    },
    /// The host refused message-signalled interrupts, or where they go.
    #[error("Cannot connect message-signalled interrupts")]
    Messages(#[source] std::io::Error),
}

/// An edge-triggered line. Cheap to trigger from any thread; a trigger never blocks and never fails visibly.
pub trait EdgeLine: Send + Sync {
    /// Raises the line and lets it fall: one interrupt, merged with one that is still pending.
    fn trigger(&self);
}

/// One owner's part of a level-triggered line, which owners share: the pin is asserted while any of them asserts it.
/// Dropping it lowers the part.
///
/// The level is not part of any saved state: after a restore each owner asserts again what it asserted.
pub trait LevelLine: Send + Sync {
    /// Sets this owner's level, which stays until it is set again. From any thread; it never blocks for long and
    /// never fails visibly.
    fn set(&self, asserted: bool);
}

/// What a device writes where to signal an interrupt (PCI 3.0 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsiMessage {
    /// The address, on x86 within 0xFEExxxxx.
    pub address: u64,
    /// The data.
    pub data: u32,
}

/// The message-signalled vectors of one function. At first none is connected.
pub trait MsiGroup: Send + Sync {
    /// Connects (`Some`) or disconnects (`None`) vectors: at most one update of the host's table for all changes
    /// together. Where a vector stands twice, the last change counts.
    ///
    /// # Errors
    /// A vector does not exist, or the host refuses; then nothing has changed.
    fn route(&self, changes: &[(u16, Option<MsiMessage>)]) -> Result<(), InterruptError>;
    /// Sends the vector's message. Does nothing while it is not connected: its owner keeps it pending. From any
    /// thread; it never blocks.
    fn trigger(&self, vector: u16);
}

/// Hands out interrupts. The machine implements it; it alone knows how they reach vCPUs.
pub trait InterruptManager: Send + Sync {
    /// Connects an edge-triggered line.
    ///
    /// # Errors
    /// The line does not exist, has an owner already, or the host refuses.
    fn edge_line(&self, line: IrqLine) -> Result<Arc<dyn EdgeLine>, InterruptError>;

    /// Connects one more owner to a level-triggered line.
    ///
    /// # Errors
    /// The line does not exist, or is an edge line.
    fn level_line(&self, line: IrqLine) -> Result<Arc<dyn LevelLine>, InterruptError>;

    /// Makes `vectors` message-signalled vectors.
    ///
    /// # Errors
    /// There are not so many left, or the host refuses.
    fn msi_group(&self, vectors: u16) -> Result<Arc<dyn MsiGroup>, InterruptError>;
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
