//! A PCI-to-PCI bridge (header type 1; a root port is one): its buses and windows.

use super::config::{read8, read16, read32, write8, write32};
use super::function::Function;

const PRIMARY: u16 = 0x18;
const IO: u16 = 0x1c;
const MEMORY: u16 = 0x20;
const PREFETCH: u16 = 0x24;
const PREFETCH_BASE_HIGH: u16 = 0x28;
const PREFETCH_LIMIT_HIGH: u16 = 0x2c;

/// Bus numbers of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buses {
    /// Above it.
    pub primary: u8,
    /// Right behind it.
    pub secondary: u8,
    /// The last behind it.
    pub subordinate: u8,
}

/// A window: first and last address; empty when the last comes before the first.
pub type Window = (u64, u64);

/// A function with header type 1.
#[derive(Clone, Copy, Debug)]
pub struct Bridge {
    function: Function,
}

impl Bridge {
    /// `function` as a bridge.
    pub fn of(function: Function) -> Self {
        Self { function }
    }

    /// Its bus numbers.
    pub fn buses(&self) -> Buses {
        let byte = |offset| read8(self.function.at, PRIMARY + offset);
        Buses { primary: byte(0), secondary: byte(1), subordinate: byte(2) }
    }

    /// Gives it other bus numbers.
    pub fn set_buses(&self, buses: Buses) {
        write8(self.function.at, PRIMARY + 1, buses.secondary);
        write8(self.function.at, PRIMARY + 2, buses.subordinate);
    }

    /// I/O window (16 bits).
    pub fn io(&self) -> Window {
        let value = read16(self.function.at, IO);
        (u64::from(value & 0xf0) << 8, u64::from(value & 0xf000) | 0xfff)
    }

    /// 32-bit memory window.
    pub fn memory(&self) -> Window {
        let value = read32(self.function.at, MEMORY);
        (u64::from(value & 0xfff0) << 16, u64::from(value & 0xfff0_0000) | 0xf_ffff)
    }

    /// Moves the 32-bit memory window.
    pub fn set_memory(&self, (first, last): Window) {
        write32(self.function.at, MEMORY, (first >> 16) as u32 & 0xfff0 | last as u32 & 0xfff0_0000);
    }

    /// Prefetchable memory window.
    pub fn prefetch(&self) -> Window {
        let value = read32(self.function.at, PREFETCH);
        let high = |register| u64::from(read32(self.function.at, register)) << 32;
        (
            high(PREFETCH_BASE_HIGH) | u64::from(value & 0xfff0) << 16,
            high(PREFETCH_LIMIT_HIGH) | u64::from(value & 0xfff0_0000) | 0xf_ffff,
        )
    }

    /// Moves the prefetchable memory window.
    pub fn set_prefetch(&self, (first, last): Window) {
        write32(self.function.at, PREFETCH, (first >> 16) as u32 & 0xfff0 | last as u32 & 0xfff0_0000);
        write32(self.function.at, PREFETCH_BASE_HIGH, (first >> 32) as u32);
        write32(self.function.at, PREFETCH_LIMIT_HIGH, (last >> 32) as u32);
    }
}
