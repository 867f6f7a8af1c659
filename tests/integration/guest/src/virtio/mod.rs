//! virtio devices of the board, over MMIO or PCI, for the drivers of the `virtio-drivers` crate.

mod device;
mod hal;
pub mod network;
mod pci;
mod ring;
mod transport;
mod worker;

pub use device::{Device, VENDOR, all, devices};
pub use hal::GuestHal;
pub use pci::{Structure, structures};
pub use ring::Ring;
pub use transport::{PciLink, Transport};
pub use worker::Worker;

/// Device ids (VIRTIO 1.2 5): network card.
pub const NETWORK: u32 = 1;
/// Block device.
pub const BLOCK: u32 = 2;
/// Entropy device.
pub const ENTROPY: u32 = 4;
/// SCSI host.
pub const SCSI: u32 = 8;
