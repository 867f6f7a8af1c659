//! virtio over MMIO, version 2 (VIRTIO 1.2 4.2).

mod device;
mod state;

pub use device::MmioTransport;
pub use state::MmioState;

/// Bytes of address space that a transport answers in.
pub const MMIO_LENGTH: u64 = 0x1000;
/// Offset of QueueNotify, which takes the queue's index in a 4-byte write.
pub const QUEUE_NOTIFY: u64 = 0x50;
