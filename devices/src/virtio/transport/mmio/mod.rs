//! virtio over MMIO, version 2 (VIRTIO 1.2 4.2).
//!
//! Widths. Control registers take aligned 4-byte accesses only (VIRTIO 1.2 4.2.2.2); any other access to them reads
//! zero and writes nothing, as do reserved offsets and registers of the wrong direction. The configuration space from
//! offset 0x100 on takes 1, 2, 4 and 8 bytes at any offset.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::MmioTransport;
pub use state::MmioState;

/// Bytes of address space that a transport answers in.
pub const MMIO_LENGTH: u64 = 0x1000;
/// Offset of QueueNotify, which takes the queue's index in a 4-byte write.
pub const QUEUE_NOTIFY: u64 = 0x50;
