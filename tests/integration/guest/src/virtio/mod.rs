//! virtio devices of the board, over MMIO or PCI, for the drivers of the `virtio-drivers` crate.

mod device;
mod hal;
pub mod network;
mod pci;
mod queues;
mod ring;
mod transport;
mod worker;

pub use device::{Device, VENDOR, all, devices, negotiate};
pub use hal::GuestHal;
pub use pci::{Structure, structures};
pub use queues::{Posted, Queues};
pub use ring::Ring;
pub use transport::{PciLink, Transport};
pub use worker::Worker;

/// Device ids (VIRTIO 1.2 5): network card.
pub const NETWORK: u32 = 1;
/// Block device.
pub const BLOCK: u32 = 2;
/// Console.
pub const CONSOLE: u32 = 3;
/// Entropy device.
pub const ENTROPY: u32 = 4;
/// Memory balloon.
pub const BALLOON: u32 = 5;
/// SCSI host.
pub const SCSI: u32 = 8;
/// Socket device.
pub const SOCKET: u32 = 19;
