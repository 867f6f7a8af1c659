//! The range map behind a bus.

use super::{BusDevice, Width};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use thiserror::Error;

/// Why a range cannot be put on a bus.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BusError {
    /// The range is empty.
    #[error("Bus range {0:#x}..{1:#x} is empty")]
    Empty(u64, u64),
    /// Another device answers in the range.
    #[error("Bus range {0:#x}..{1:#x} overlaps {2:#x}..{3:#x}, where another device answers")]
    Overlap(u64, u64, u64, u64),
    /// No device starts there.
    #[error("No device starts at bus address {0:#x}")]
    Absent(u64),
}

#[derive(Clone)]
struct Entry {
    end: u64,
    device: Arc<dyn BusDevice>,
}

/// One address space of devices. Ranges come and go at run time; the lock is released before a device is called.
#[derive(Default)]
pub struct Bus {
    ranges: RwLock<BTreeMap<u64, Entry>>,
}

impl Bus {
    /// A bus with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `device` answer in `range`.
    ///
    /// # Errors
    /// The range is empty or overlaps another device's.
    pub fn insert(&self, range: Range<u64>, device: Arc<dyn BusDevice>) -> Result<(), BusError> {
        if range.is_empty() {
            return Err(BusError::Empty(range.start, range.end));
        }
        let mut ranges = self.ranges.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((start, entry)) = ranges.range(..range.end).next_back()
            && entry.end > range.start
        {
            return Err(BusError::Overlap(range.start, range.end, *start, entry.end));
        }
        ranges.insert(range.start, Entry { end: range.end, device });
        Ok(())
    }

    /// Takes the device that starts at `start` off the bus. Accesses under way in other threads still finish.
    ///
    /// # Errors
    /// No device starts there.
    pub fn remove(&self, start: u64) -> Result<(), BusError> {
        let mut ranges = self.ranges.write().unwrap_or_else(PoisonError::into_inner);
        ranges.remove(&start).map(|_| ()).ok_or(BusError::Absent(start))
    }

    /// Reads; where no device answers for the whole access, all ones.
    pub fn read(&self, address: u64, width: Width) -> u64 {
        match self.find(address, width) {
            Some((device, offset)) => device.read(offset, width) & width.ones(),
            None => width.ones(),
        }
    }

    /// Writes; where no device answers for the whole access, nothing happens.
    pub fn write(&self, address: u64, width: Width, value: u64) {
        if let Some((device, offset)) = self.find(address, width) {
            device.write(offset, width, value & width.ones());
        }
    }

    fn find(&self, address: u64, width: Width) -> Option<(Arc<dyn BusDevice>, u64)> {
        let ranges = self.ranges.read().unwrap_or_else(PoisonError::into_inner);
        let (start, entry) = ranges.range(..=address).next_back()?;
        let last = address.checked_add(width.bytes() as u64 - 1)?;
        (last < entry.end).then(|| (Arc::clone(&entry.device), address - start))
    }
}
