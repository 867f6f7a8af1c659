//! Base address registers and the expansion ROM (PCI 3.0 6.2.5).

use super::{LayoutError, PciConfiguration, halves};
use crate::bus::Width;
use crate::pci::header::{self, Command};
use crate::pci::{DecodedBar, ROM_BAR, Space};

/// What a BAR asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// Ports.
    Io,
    /// Memory below 4 GiB.
    Memory32,
    /// Memory anywhere; takes two registers.
    Memory64,
    /// Memory anywhere whose reads have no effect; takes two registers. Behind a bridge only this kind can be above
    /// 4 GiB.
    PrefetchableMemory64,
}

impl BarKind {
    const fn space(self) -> Space {
        match self {
            Self::Io => Space::Io,
            Self::Memory32 | Self::Memory64 | Self::PrefetchableMemory64 => Space::Memory,
        }
    }

    const fn registers(self) -> u8 {
        match self {
            Self::Io | Self::Memory32 => 1,
            Self::Memory64 | Self::PrefetchableMemory64 => 2,
        }
    }

    /// The read-only bits.
    const fn bits(self) -> u32 {
        match self {
            Self::Io => 0x1,
            Self::Memory32 => 0x0,
            Self::Memory64 => 0x4,
            Self::PrefetchableMemory64 => 0xc,
        }
    }

    const fn sizes(self) -> (u64, u64) {
        match self {
            Self::Io => (0x4, 0x100),
            Self::Memory32 => (0x10, 0x8000_0000),
            Self::Memory64 | Self::PrefetchableMemory64 => (0x10, 1 << 62),
        }
    }

    /// Where a range ends at the latest. The last one of memory is left out: that is where BARs are while ones are
    /// written to them for their size.
    const fn last_end(self) -> u64 {
        match self {
            Self::Io => 0x1_0000,
            Self::Memory32 => 0xffff_ffff,
            Self::Memory64 | Self::PrefetchableMemory64 => u64::MAX - 1,
        }
    }
}

/// The bits of the ROM's register that are no address.
const ROM_ENABLE: u32 = 0x1;
/// The least and the largest ROM, in bytes.
const ROM_SIZES: (u64, u64) = (0x800, 0x100_0000);

/// A BAR that the function has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    number: u8,
    offset: u16,
    kind: BarKind,
    size: u64,
}

impl PciConfiguration {
    /// Adds BAR `bar` (0 to 5; 0 and 1 in a bridge) of `size` bytes.
    ///
    /// # Errors
    /// The size is impossible, or the BAR does not exist or is taken.
    pub fn add_bar(&mut self, bar: u8, kind: BarKind, size: u64) -> Result<(), LayoutError> {
        check_size(bar, size, kind.sizes())?;
        let numbers = bar..bar.saturating_add(kind.registers());
        let taken = |other: &Bar| other.number < numbers.end && numbers.start < other.number + other.kind.registers();
        let last = if self.is_bridge() { 1 } else { 5 };
        if numbers.end > last + 1 || self.bars.iter().any(taken) {
            return Err(LayoutError::Bar(bar));
        }
        let offset = header::BAR0 + 4 * u16::from(bar);
        let [low, high] = halves(!(size - 1));
        self.set(offset, Width::Dword, kind.bits());
        self.make_writable(offset, Width::Dword, low);
        if kind.registers() == 2 {
            self.make_writable(offset + 4, Width::Dword, high);
        }
        self.bars.push(Bar { number: bar, offset, kind, size });
        Ok(())
    }

    /// Adds an expansion ROM of `size` bytes as [`ROM_BAR`].
    ///
    /// # Errors
    /// The size is impossible, or there is a ROM.
    pub fn add_rom(&mut self, size: u64) -> Result<(), LayoutError> {
        check_size(ROM_BAR, size, ROM_SIZES)?;
        if self.bars.iter().any(|bar| bar.number == ROM_BAR) {
            return Err(LayoutError::Bar(ROM_BAR));
        }
        let offset = if self.is_bridge() { header::BRIDGE_ROM } else { header::ROM };
        let [low, _] = halves(!(size - 1));
        self.make_writable(offset, Width::Dword, low | ROM_ENABLE);
        self.bars.push(Bar { number: ROM_BAR, offset, kind: BarKind::Memory32, size });
        Ok(())
    }

    /// The BARs that decode now. One at address 0 does not, nor one at the very end of memory: so they stand before they
    /// are assigned, and while the guest finds out their sizes.
    pub fn decoded(&self) -> Vec<DecodedBar> {
        self.bars.iter().filter_map(|bar| self.decode(bar)).collect()
    }

    fn decode(&self, bar: &Bar) -> Option<DecodedBar> {
        let space = bar.kind.space();
        let needed = match space {
            Space::Io => Command::IO,
            Space::Memory => Command::MEMORY,
        };
        let low = self.read(bar.offset, Width::Dword);
        if !self.command().contains(needed) || bar.number == ROM_BAR && low & ROM_ENABLE == 0 {
            return None;
        }
        let high = if bar.kind.registers() == 2 { self.read(bar.offset + 4, Width::Dword) } else { 0 };
        let start = (u64::from(high) << 32 | u64::from(low)) & !(bar.size - 1);
        let end = start.checked_add(bar.size)?;
        let decodes = start != 0 && end <= bar.kind.last_end();
        decodes.then_some(DecodedBar { bar: bar.number, space, range: start..end })
    }
}

fn check_size(bar: u8, size: u64, (least, most): (u64, u64)) -> Result<(), LayoutError> {
    if size.is_power_of_two() && (least..=most).contains(&size) {
        Ok(())
    } else {
        Err(LayoutError::Size { bar, size, least, most })
    }
}
