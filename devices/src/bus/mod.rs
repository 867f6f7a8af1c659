//! Address buses: port I/O and MMIO, by access width.
//!
//! `read(addr, width)` and `write(addr, width, value)`; absent addresses read all ones and swallow writes.
//! String port I/O is split into single accesses before it gets here.

mod bytes;
mod range_map;
mod width;

pub use bytes::{read_bytes, write_bytes};
pub use range_map::{Bus, BusError};
pub use width::Width;

use std::sync::{Mutex, PoisonError};

/// A device on a bus. Offsets are relative to the range it was inserted with; an access never crosses its end.
pub trait BusDevice: Send + Sync {
    /// Reads `width` bytes at `offset`; bits above the width are ignored.
    fn read(&self, offset: u64, width: Width) -> u64;
    /// Writes the low `width` bytes of `value` at `offset`.
    fn write(&self, offset: u64, width: Width, value: u64);
}

/// A device that wants exclusive access; put it on the bus as `Mutex<D>`.
pub trait BusDeviceMut: Send {
    /// As [`BusDevice::read`].
    fn read(&mut self, offset: u64, width: Width) -> u64;
    /// As [`BusDevice::write`].
    fn write(&mut self, offset: u64, width: Width, value: u64);
}

impl<D: BusDeviceMut> BusDevice for Mutex<D> {
    fn read(&self, offset: u64, width: Width) -> u64 {
        self.lock().unwrap_or_else(PoisonError::into_inner).read(offset, width)
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        self.lock().unwrap_or_else(PoisonError::into_inner).write(offset, width, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
