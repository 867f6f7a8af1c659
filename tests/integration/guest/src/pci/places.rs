//! Free addresses for BARs: the middle of the host bridge's windows, where nothing was put by whoever assigned them.

use alloc::format;
use alloc::string::String;

use super::bar::{Bar, Kind};
use crate::paging;
use crate::platform::platform;

const FOUR_GIB: u64 = 1 << 32;

/// Gives out addresses, upwards.
#[derive(Clone, Copy)]
pub struct Places {
    ports: u64,
    low: u64,
    high: u64,
}

impl Places {
    /// The middles of the largest windows.
    pub fn new() -> Self {
        let middle = |io: bool, high: bool| {
            let windows = platform().pci_windows.iter();
            let windows = windows.filter(|window| window.io == io && (window.range.0 >= FOUR_GIB) == high);
            let largest = windows.map(|window| window.range).max_by_key(|range| range.1 - range.0);
            largest
                .map_or(0, |(first, last)| (first / 2 + last / 2).next_multiple_of(if io { 1 << 12 } else { 1 << 20 }))
        };
        Self { ports: middle(true, false), low: middle(false, false), high: middle(false, true) }
    }

    /// A place for a BAR, below 4 GiB.
    ///
    /// # Errors
    /// There is no window for it.
    pub fn low(&mut self, bar: &Bar) -> Result<u64, String> {
        let next = if bar.kind == Kind::Io { &mut self.ports } else { &mut self.low };
        take(next, bar.size)
    }

    /// A place for a 64-bit BAR above 4 GiB, mapped.
    ///
    /// # Errors
    /// There is no window for it.
    pub fn high(&mut self, bar: &Bar) -> Result<u64, String> {
        let place = take(&mut self.high, bar.size)?;
        paging::map_device(place)?;
        Ok(place)
    }

    /// `size` bytes below 4 GiB, aligned to their size.
    ///
    /// # Errors
    /// There is no window for it.
    pub fn block(&mut self, size: u64) -> Result<u64, String> {
        take(&mut self.low, size)
    }
}

fn take(next: &mut u64, size: u64) -> Result<u64, String> {
    if *next == 0 {
        return Err(format!("no window for {size:#x} bytes"));
    }
    let place = next.next_multiple_of(size);
    *next = place + size;
    Ok(place)
}
