//! virtio over PCI, modern only (VIRTIO 1.2 4.1).
//!
//! ```text
//!  BAR 0 (64 bits)   0x0000 common configuration   registers.rs, common.rs
//!                    0x1000 ISR status             read-to-clear; lowers INTA
//!                    0x2000 device configuration   the device's own
//!                    0x3000 notifications          4 bytes for each queue, each a doorbell
//!  BAR 4 (32 bits)   MSI-X table and pending bits
//!  ROM               what firmware runs to use the device, if there is such
//! ```
//!
//! Widths. A field of the common configuration takes accesses of its own width, those of 64 bits two of 32
//! (VIRTIO 1.2 4.1.3). A narrower read at the start of a field has its lowest bytes, for iPXE's sake; any other access
//! reads zero and writes nothing, as do reserved offsets and read-only fields. ISR status is one byte. The device configuration takes 1, 2, 4 and 8 bytes at any offset, a notification any width.
//!
//! Interrupts: with MSI-X enabled, the message that the driver mapped to the queue or to configuration changes; else
//! INTA, asserted for as long as ISR status is not zero.

mod attachment;
mod bar;
mod common;
mod configuration;
mod device;
mod error;
mod interrupt;
mod registers;
mod state;
#[cfg(test)]
mod tests;
mod vectors;
mod window;

pub use attachment::PciAttachment;
pub use device::PciTransport;
pub use error::PciTransportError;
pub use state::PciTransportState;

/// Vendor of all virtio devices.
pub const VENDOR: u16 = 0x1af4;
/// The BAR with the structures.
const STRUCTURES_BAR: u8 = 0;
/// The BAR of MSI-X.
const MSIX_BAR: u8 = 4;
/// Bytes from one structure to the next.
const PAGE: u64 = 0x1000;
/// Where the structures are in their BAR.
const COMMON: u64 = 0;
const ISR: u64 = PAGE;
const DEVICE: u64 = 2 * PAGE;
const NOTIFY: u64 = 3 * PAGE;
/// Bytes from the notification of one queue to that of the next.
const NOTIFY_MULTIPLIER: u32 = 4;
