//! The PCI Express capability, version 2 (PCI Express 4.0 7.5.3).

use super::{LayoutError, PciConfiguration};
use crate::bus::Width;

/// The capability's id.
const ID: u8 = 0x10;
/// Bytes after id and link.
const BODY_SIZE: usize = 0x3a;

const VERSION: u32 = 2;
const TYPE_SHIFT: u32 = 4;
const SLOT_IMPLEMENTED: u32 = 1 << 8;
/// Errors are reported by role; every function since version 1.1 says so.
const ROLE_BASED_ERRORS: u32 = 1 << 15;
/// Error enables, relaxed ordering, payload size, no snoop, read request size: kept for the guest.
const DEVICE_CONTROL_MASK: u32 = 0x78ff;
/// After reset: relaxed ordering and no snoop allowed, read requests of 512 bytes.
const DEVICE_CONTROL: u32 = 0x2810;
/// One lane at 2.5 GT/s: in link capabilities, link status and, as a set of speeds, link capabilities 2.
const LINK: u32 = 0x11;
const LINK_SPEEDS: u32 = 0x2;
/// ASPM, common clock and extended synchronisation: kept for the guest.
const LINK_CONTROL_MASK: u32 = 0x00c3;
const PORT_NUMBER_SHIFT: u32 = 24;
const SLOT_NUMBER_SHIFT: u32 = 19;
const PRESENCE_DETECTED: u32 = 1 << 6;
/// System errors and PME interrupts: kept for the guest.
const ROOT_CONTROL_MASK: u32 = 0x000f;

/// What a function is to PCI Express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpressKind {
    /// A device behind a port.
    Endpoint,
    /// A device on the root bus.
    IntegratedEndpoint,
    /// A root port with a slot, which is not hot-pluggable and has its device.
    RootPort {
        /// The port's number and its slot's.
        number: u8,
    },
}

impl ExpressKind {
    const fn code(self) -> u32 {
        match self {
            Self::Endpoint => 0,
            Self::IntegratedEndpoint => 9,
            Self::RootPort { .. } => 4,
        }
    }
}

impl PciConfiguration {
    /// Appends the PCI Express capability. Returns its offset.
    ///
    /// # Errors
    /// The configuration space is full.
    pub fn add_express(&mut self, kind: ExpressKind) -> Result<u16, LayoutError> {
        let at = self.add_capability(ID, &[0; BODY_SIZE])?;
        let capabilities = VERSION | kind.code() << TYPE_SHIFT;
        self.set(at + 0x02, Width::Word, capabilities);
        self.set(at + 0x04, Width::Dword, ROLE_BASED_ERRORS);
        self.set(at + 0x08, Width::Word, DEVICE_CONTROL);
        self.make_writable(at + 0x08, Width::Word, DEVICE_CONTROL_MASK);
        if kind == ExpressKind::IntegratedEndpoint {
            return Ok(at); // it has no link
        }
        self.set(at + 0x0c, Width::Dword, LINK);
        self.make_writable(at + 0x10, Width::Word, LINK_CONTROL_MASK);
        self.set(at + 0x12, Width::Word, LINK);
        self.set(at + 0x2c, Width::Dword, LINK_SPEEDS);
        if let ExpressKind::RootPort { number } = kind {
            self.set(at + 0x02, Width::Word, capabilities | SLOT_IMPLEMENTED);
            self.set(at + 0x0c, Width::Dword, LINK | u32::from(number) << PORT_NUMBER_SHIFT);
            self.set(at + 0x14, Width::Dword, u32::from(number) << SLOT_NUMBER_SHIFT);
            self.set(at + 0x1a, Width::Word, PRESENCE_DETECTED);
            self.make_writable(at + 0x1c, Width::Word, ROOT_CONTROL_MASK);
        }
        Ok(at)
    }
}
