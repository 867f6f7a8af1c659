//! A function's configuration space: registers with the bits that the guest may change, BARs, capabilities.
//!
//! A plain value without locks: the function that has it guards it. Registers that nobody declared read zero and
//! swallow writes.

mod bar;
mod capability;
mod error;
mod express;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use bar::BarKind;
pub use error::{FunctionError, LayoutError};
pub use express::ExpressKind;
pub use state::PciConfigurationState;

use super::header::{self, Command, Status};
use crate::bus::{Width, read_bytes, write_bytes};
use bar::Bar;

/// Bytes of a conventional configuration space.
const CONVENTIONAL_SIZE: usize = 0x100;
/// Bytes with the extended space of PCI Express.
const EXTENDED_SIZE: usize = 0x1000;

/// What kind of device a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Vendor.
    pub vendor: u16,
    /// The vendor's number of the device.
    pub device: u16,
    /// Revision.
    pub revision: u8,
    /// Base class, subclass and programming interface.
    pub class: [u8; 3],
    /// Subsystem vendor; a bridge's header has none.
    pub subsystem_vendor: u16,
    /// Subsystem device; a bridge's header has none.
    pub subsystem: u16,
}

/// An interrupt pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// INTA.
    A,
    /// INTB.
    B,
    /// INTC.
    C,
    /// INTD.
    D,
}

impl Pin {
    /// 0 for INTA to 3 for INTD.
    pub const fn index(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
            Self::C => 2,
            Self::D => 3,
        }
    }

    /// The pin of a bridge on its primary bus that this pin of device `device` behind the bridge drives (PCI-to-PCI
    /// bridge architecture 1.2, 9.1).
    #[must_use]
    pub const fn swizzled(self, device: u8) -> Self {
        match (self.index() + device % 4) % 4 {
            0 => Self::A,
            1 => Self::B,
            2 => Self::C,
            _ => Self::D,
        }
    }
}

/// One byte of configuration space.
#[derive(Clone, Copy, Debug, Default)]
struct Register {
    value: u8,
    /// Bits that the guest sets and clears.
    writable: u8,
}

/// The configuration space of one function.
#[derive(Clone, Debug)]
pub struct PciConfiguration {
    registers: Vec<Register>,
    bars: Vec<Bar>,
    /// Where the next capability goes, and the byte that points there.
    next_capability: u16,
    capability_link: u16,
    next_extended: u16,
    extended_link: Option<u16>,
}

impl PciConfiguration {
    /// The space of an ordinary function, with header type 0.
    pub fn new(identity: Identity) -> Self {
        let mut space = Self::with_header(identity, 0);
        space.set(header::SUBSYSTEM, Width::Word, identity.subsystem_vendor.into());
        space.set(header::SUBSYSTEM + 2, Width::Word, identity.subsystem.into());
        space
    }

    /// The space of a bridge, with header type 1: bus numbers and windows can be written, all closed or zero.
    pub fn new_bridge(identity: Identity) -> Self {
        let mut space = Self::with_header(identity, header::TYPE_BRIDGE);
        space.make_writable(header::PRIMARY_BUS, Width::Dword, 0x00ff_ffff);
        space.make_writable(header::IO_WINDOW, Width::Word, 0xf0f0);
        space.make_writable(header::MEMORY_WINDOW, Width::Dword, 0xfff0_fff0);
        space.make_writable(header::PREFETCH_WINDOW, Width::Dword, 0xfff0_fff0);
        space.set(header::PREFETCH_WINDOW, Width::Dword, 0x0001_0001); // 64 bits
        space.make_writable(header::PREFETCH_UPPER, Width::Dword, u32::MAX);
        space.make_writable(header::PREFETCH_UPPER + 4, Width::Dword, u32::MAX);
        space
    }

    fn with_header(identity: Identity, header_type: u8) -> Self {
        let mut space = Self {
            registers: vec![Register::default(); CONVENTIONAL_SIZE],
            bars: Vec::new(),
            next_capability: capability::FIRST,
            capability_link: header::CAPABILITIES,
            next_extended: capability::FIRST_EXTENDED,
            extended_link: None,
        };
        let [base, sub, interface] = identity.class;
        space.set(header::VENDOR_ID, Width::Word, identity.vendor.into());
        space.set(header::VENDOR_ID + 2, Width::Word, identity.device.into());
        space.set(header::REVISION, Width::Dword, u32::from_le_bytes([identity.revision, interface, sub, base]));
        space.set(header::HEADER_TYPE, Width::Byte, header_type.into());
        space.make_writable(header::COMMAND, Width::Word, Command::all().bits().into());
        space.make_writable(header::CACHE_LINE_SIZE, Width::Byte, 0xff);
        space.make_writable(header::INTERRUPT_LINE, Width::Byte, 0xff);
        space
    }

    /// What the guest reads.
    pub fn read(&self, offset: u16, width: Width) -> u32 {
        let value = read_bytes(width, |position| self.register(offset, position).value);
        u32::try_from(value & Width::Dword.ones()).unwrap_or(u32::MAX)
    }

    /// What the guest writes: only bits declared by [`PciConfiguration::make_writable`] change.
    pub fn write(&mut self, offset: u16, width: Width, value: u32) {
        write_bytes(width, value.into(), |position, byte| {
            if let Some(Register { value, writable }) = self.register_mut(offset, position) {
                *value = *value & !*writable | byte & *writable;
            }
        });
    }

    /// Sets a register, whatever the guest may write there.
    pub fn set(&mut self, offset: u16, width: Width, value: u32) {
        self.reserve(offset, width);
        write_bytes(width, value.into(), |position, byte| {
            if let Some(register) = self.register_mut(offset, position) {
                register.value = byte;
            }
        });
    }

    /// Lets the guest set and clear the bits of `mask`.
    pub fn make_writable(&mut self, offset: u16, width: Width, mask: u32) {
        self.reserve(offset, width);
        write_bytes(width, mask.into(), |position, byte| {
            if let Some(register) = self.register_mut(offset, position) {
                register.writable |= byte;
            }
        });
    }

    /// The command register.
    pub fn command(&self) -> Command {
        Command::from_bits_truncate(self.read_word(header::COMMAND))
    }

    /// Gives the function an interrupt pin.
    pub fn set_interrupt_pin(&mut self, pin: Pin) {
        self.set(header::INTERRUPT_PIN, Width::Byte, u32::from(pin.index()) + 1);
    }

    /// Tells the guest that the function wants its pin asserted. Not part of the state: the function knows.
    pub fn set_interrupt_status(&mut self, wanted: bool) {
        let mut status = Status::from_bits_truncate(self.read_word(header::STATUS));
        status.set(Status::INTERRUPT, wanted);
        self.set(header::STATUS, Width::Word, status.bits().into());
    }

    fn read_word(&self, offset: u16) -> u16 {
        u16::from_le_bytes([self.register(offset, 0).value, self.register(offset, 1).value])
    }

    fn is_bridge(&self) -> bool {
        self.register(header::HEADER_TYPE, 0).value == header::TYPE_BRIDGE
    }

    /// A register beyond the end reads zero and keeps nothing.
    fn register(&self, offset: u16, position: u64) -> Register {
        index(offset, position).and_then(|index| self.registers.get(index)).copied().unwrap_or_default()
    }

    fn register_mut(&mut self, offset: u16, position: u64) -> Option<&mut Register> {
        index(offset, position).and_then(|index| self.registers.get_mut(index))
    }

    /// Most functions have no register beyond the conventional space, and no memory for it.
    fn reserve(&mut self, offset: u16, width: Width) {
        if usize::from(offset) + width.bytes() > self.registers.len() {
            self.registers.resize(EXTENDED_SIZE, Register::default());
        }
    }
}

fn index(offset: u16, position: u64) -> Option<usize> {
    usize::try_from(u64::from(offset) + position).ok()
}

/// The low and the high half, as registers of 32 bits have them.
pub(super) fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}
