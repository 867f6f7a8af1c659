//! Base address registers (PCI 3.0 6.2.5): where they are, how large, and moving them.

use alloc::vec::Vec;
use core::fmt;

use super::config::{read16, read32, write16, write32};
use super::function::{Function, command, register};
use crate::cpu::{in32, read_physical};

/// What a BAR decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ports.
    Io,
    /// Memory below 4 GiB.
    Memory32,
    /// Memory anywhere.
    Memory64,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "io",
            Self::Memory32 => "mem32",
            Self::Memory64 => "mem64",
        })
    }
}

/// One base address register (or pair) that is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Whose.
    pub function: Function,
    /// Its number, 0 to 5.
    pub index: u8,
    /// What it decodes.
    pub kind: Kind,
    /// Whether reading has no effects.
    pub prefetchable: bool,
    /// Where it was when it was read.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The register with index `index`.
fn register(index: u8) -> u16 {
    0x10 + 4 * u16::from(index)
}

/// All BARs of a function, sized with decoding off.
pub fn bars(function: Function) -> Vec<Bar> {
    let count = match function.header() {
        0 => 6,
        1 => 2,
        _ => 0,
    };
    let before = read16(function.at, register::COMMAND);
    let decoding = before & (command::IO | command::MEMORY) != 0;
    if decoding {
        function.command(0, command::IO | command::MEMORY);
    }
    let (mut found, mut index) = (Vec::new(), 0);
    while index < count {
        let bar = read(function, index);
        index += if bar.is_some_and(|bar| bar.kind == Kind::Memory64) { 2 } else { 1 };
        found.extend(bar);
    }
    if decoding {
        write16(function.at, register::COMMAND, before);
    }
    found
}

fn read(function: Function, index: u8) -> Option<Bar> {
    let (low, mask) = size_half(function, index);
    let (kind, flags) = match low & 7 {
        4 => (Kind::Memory64, 0xf),
        low if low & 1 != 0 => (Kind::Io, 3),
        _ => (Kind::Memory32, 0xf),
    };
    let (high, high_mask) = if kind == Kind::Memory64 { size_half(function, index + 1) } else { (0, !0) };
    let (address, mask) = (join(low & !flags, high), join(mask & !flags, high_mask));
    // An I/O BAR may leave out its upper half.
    let size = if kind == Kind::Io { u64::from((mask as u16).wrapping_neg()) } else { mask.wrapping_neg() };
    let prefetchable = kind != Kind::Io && low & 8 != 0;
    (mask as u32 != 0 || high_mask != !0).then_some(Bar { function, index, kind, prefetchable, address, size })
}

/// What a register holds, and what it holds after all ones were written; it is put back.
fn size_half(function: Function, index: u8) -> (u32, u32) {
    let before = read32(function.at, register(index));
    write32(function.at, register(index), !0);
    let mask = read32(function.at, register(index));
    write32(function.at, register(index), before);
    (before, mask)
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

impl Bar {
    /// Where it is now.
    pub fn current(&self) -> u64 {
        let low = read32(self.function.at, register(self.index));
        match self.kind {
            Kind::Io => u64::from(low & !3),
            Kind::Memory32 => u64::from(low & !0xf),
            Kind::Memory64 => join(low & !0xf, read32(self.function.at, register(self.index + 1))),
        }
    }

    /// Writes an address; whether the function decodes meanwhile is the caller's choice.
    pub fn set(&self, address: u64) {
        write32(self.function.at, register(self.index), address as u32);
        if self.kind == Kind::Memory64 {
            write32(self.function.at, register(self.index + 1), (address >> 32) as u32);
        }
    }

    /// Four bytes at `offset`, if the BAR were at `address`.
    pub fn peek(&self, address: u64, offset: u64) -> u32 {
        match self.kind {
            Kind::Io => in32((address + offset) as u16),
            // SAFETY: below 4 GiB everything is mapped; above, the test has mapped its places.
            _ => unsafe { read_physical(address + offset) },
        }
    }
}
