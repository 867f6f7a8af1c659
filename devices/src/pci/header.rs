//! Offsets and bits of the configuration header (PCI 3.0 6.1 and 6.2, PCI-to-PCI bridge architecture 1.2, 3.2).

use bitflags::bitflags;

/// Vendor, two bytes; the device's number follows.
pub const VENDOR_ID: u16 = 0x00;
/// [`Command`], two bytes.
pub const COMMAND: u16 = 0x04;
/// Status, two bytes.
pub const STATUS: u16 = 0x06;
/// Revision, one byte; the three bytes of the class follow.
pub const REVISION: u16 = 0x08;
/// Cache line size, one byte: no function here uses it.
pub const CACHE_LINE_SIZE: u16 = 0x0c;
/// Layout of the rest of the header, one byte; [`MULTI_FUNCTION`] is in it.
pub const HEADER_TYPE: u16 = 0x0e;
/// The first BAR, four bytes.
pub const BAR0: u16 = 0x10;
/// Where the list of capabilities starts, one byte.
pub const CAPABILITIES: u16 = 0x34;
/// Interrupt line, one byte: firmware and guest keep a number there.
pub const INTERRUPT_LINE: u16 = 0x3c;
/// Interrupt pin, one byte: 0 is none, 1 to 4 are INTA to INTD.
pub const INTERRUPT_PIN: u16 = 0x3d;

/// Subsystem vendor and device of an ordinary function, two bytes each.
pub const SUBSYSTEM: u16 = 0x2c;
/// Expansion ROM of an ordinary function, four bytes.
pub const ROM: u16 = 0x30;

/// Primary bus of a bridge, one byte; its secondary and its subordinate bus follow.
pub const PRIMARY_BUS: u16 = 0x18;
/// Secondary bus of a bridge, one byte.
pub const SECONDARY_BUS: u16 = 0x19;
/// Subordinate bus of a bridge, one byte.
pub const SUBORDINATE_BUS: u16 = 0x1a;
/// Base and limit of a bridge's I/O window, one byte each, in units of 4 KiB in bits 4 to 7.
pub const IO_WINDOW: u16 = 0x1c;
/// Base and limit of a bridge's memory window, two bytes each, in units of 1 MiB in bits 4 to 15.
pub const MEMORY_WINDOW: u16 = 0x20;
/// The same for the prefetchable window, which has 64 bits here.
pub const PREFETCH_WINDOW: u16 = 0x24;
/// Upper halves of base and limit of the prefetchable window, four bytes each.
pub const PREFETCH_UPPER: u16 = 0x28;
/// Expansion ROM of a bridge, four bytes.
pub const BRIDGE_ROM: u16 = 0x38;

/// In [`HEADER_TYPE`]: the header of a bridge.
pub const TYPE_BRIDGE: u8 = 1;
/// In [`HEADER_TYPE`]: the device has functions besides this one. The bus sets it.
pub const MULTI_FUNCTION: u8 = 0x80;

bitflags! {
    /// The command register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Command: u16 {
        /// I/O BARs and windows decode.
        const IO = 1 << 0;
        /// Memory BARs and windows decode.
        const MEMORY = 1 << 1;
        /// The function may access memory and send messages.
        const BUS_MASTER = 1 << 2;
        /// Kept for the guest: there are no parity errors.
        const PARITY = 1 << 6;
        /// Kept for the guest: there are no system errors.
        const SERR = 1 << 8;
        /// The function does not assert its interrupt pin.
        const INTX_DISABLE = 1 << 10;
    }
}

bitflags! {
    /// The bits of the status register that are ever set.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Status: u16 {
        /// The function wants its interrupt pin asserted.
        const INTERRUPT = 1 << 3;
        /// There is a list of capabilities.
        const CAPABILITIES = 1 << 4;
    }
}
