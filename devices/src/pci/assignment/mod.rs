//! What firmware does before a kernel starts, for a kernel that is started without one: buses are numbered, BARs and
//! the windows of bridges get addresses (PCI 3.0 6.2.5, PCI-to-PCI bridge architecture 1.2, chapter 5).
//!
//! It works as firmware does, by configuration accesses: BARs are sized by writing ones. Bridges are switched on,
//! so that who finds a device need not know what is in front of it; the devices are not: the guest's drivers do that, and
//! until then nothing is mapped. Every address is a function of what is on the buses and of
//! the windows.

mod pool;
mod scan;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::{PciAddress, PciBus};
use pool::Pool;
use scan::Scan;
use std::ops::Range;
use thiserror::Error;

/// The addresses that the root bus has for BARs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Ports.
    pub io: Range<u64>,
    /// Memory below 4 GiB.
    pub memory32: Range<u64>,
    /// Memory for BARs of 64 bits.
    pub memory64: Range<u64>,
}

/// Why not everything has an address.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AssignmentError {
    /// A window is full.
    #[error("No room for {size:#x} bytes of PCI function {function} in {start:#x}..{end:#x}: use fewer devices")]
    Full {
        /// Whose BAR, or whose window when it is a bridge.
        function: PciAddress,
        /// Bytes that are needed.
        size: u64,
        /// Start of the window.
        start: u64,
        /// End of the window.
        end: u64,
    },
    /// There are more than 256 buses.
    #[error("No bus number is left for the bus behind PCI function {0}: use fewer bridges")]
    NoBusNumber(PciAddress),
}

impl PciBus {
    /// Numbers all buses, and gives all BARs and bridges addresses in `windows`. For a bus as after power-on.
    ///
    /// # Errors
    /// There is not room for everything; some of it has addresses then.
    pub fn assign(&self, windows: &Windows) -> Result<(), AssignmentError> {
        let mut requests = Scan::of(self)?;
        for (pool, window) in
            [(Pool::Io, &windows.io), (Pool::Memory32, &windows.memory32), (Pool::Memory64, &windows.memory64)]
        {
            requests.place(self, pool, window)?;
        }
        Ok(())
    }
}
