//! One function: its place, header and capabilities (PCI 3.0 6.1, 6.7).

use alloc::vec::Vec;
use core::fmt;

use super::config::{read8, read16, read32, write16};

/// Registers that every header has (PCI 3.0 6.1).
pub mod register {
    pub const ID: u16 = 0x00;
    pub const COMMAND: u16 = 0x04;
    pub const STATUS: u16 = 0x06;
    pub const CLASS: u16 = 0x08;
    pub const HEADER: u16 = 0x0e;
    pub const CAPABILITIES: u16 = 0x34;
    pub const INTERRUPT_LINE: u16 = 0x3c;
    pub const INTERRUPT_PIN: u16 = 0x3d;
    /// Extended capabilities (PCI Express Base 5.0 7.6.3).
    pub const EXTENDED: u16 = 0x100;
}

/// Bits of the command register.
pub mod command {
    pub const IO: u16 = 1;
    pub const MEMORY: u16 = 1 << 1;
    pub const MASTER: u16 = 1 << 2;
    pub const INTX_DISABLE: u16 = 1 << 10;
}

/// A function's bus, device and function number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub bus: u8,
    pub device: u8,
    pub function: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// A function that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where.
    pub at: Address,
    /// Where its device's interrupt pins enter bus 0, and by how many places the bridges on the way swizzled them.
    pub root: (u8, u8),
}

impl Function {
    /// Vendor id and device id.
    pub fn id(&self) -> (u16, u16) {
        (read16(self.at, register::ID), read16(self.at, register::ID + 2))
    }

    /// Base class, sub-class and interface.
    pub fn class(&self) -> u32 {
        read32(self.at, register::CLASS) >> 8
    }

    /// The header's layout: 0 is a device, 1 a bridge.
    pub fn header(&self) -> u8 {
        read8(self.at, register::HEADER) & 0x7f
    }

    /// Switches bits of the command register on and off.
    pub fn command(&self, on: u16, off: u16) {
        let before = read16(self.at, register::COMMAND);
        let after = (before | on) & !off;
        if after != before {
            write16(self.at, register::COMMAND, after);
        }
    }

    /// Capabilities: id and offset, in the list's order.
    pub fn capabilities(&self) -> Vec<(u8, u16)> {
        const HAS_LIST: u16 = 1 << 4;
        let mut found = Vec::new();
        if read16(self.at, register::STATUS) & HAS_LIST == 0 {
            return found;
        }
        let mut offset = u16::from(read8(self.at, register::CAPABILITIES) & 0xfc);
        while offset >= 0x40 && found.len() < 48 {
            found.push((read8(self.at, offset), offset));
            offset = u16::from(read8(self.at, offset + 1) & 0xfc);
        }
        found
    }

    /// Extended capabilities: id and offset.
    pub fn extended_capabilities(&self) -> Vec<(u16, u16)> {
        let (mut found, mut offset) = (Vec::new(), register::EXTENDED);
        while offset >= register::EXTENDED && found.len() < 48 {
            let header = read32(self.at, offset);
            if header == 0 || header == !0 {
                break;
            }
            found.push((header as u16, offset));
            offset = (header >> 20) as u16 & 0xffc;
        }
        found
    }

    /// Where the capability with an id stands.
    pub fn capability(&self, id: u8) -> Option<u16> {
        self.capabilities().into_iter().find(|(found, _)| *found == id).map(|(_, offset)| offset)
    }

    /// The GSI that the function's interrupt pin arrives on: swizzled at each bridge on the way to bus 0
    /// (PCI-to-PCI Bridge Architecture 1.2 9.1).
    pub fn gsi(&self) -> Option<u32> {
        let pin = read8(self.at, register::INTERRUPT_PIN).checked_sub(1)?;
        let (device, swizzle) = self.root;
        let pin = (pin + swizzle) % 4;
        let routes = &crate::platform::platform().pci_routes;
        routes.iter().find(|route| route.device == device && route.pin == pin).map(|route| route.gsi)
    }
}
