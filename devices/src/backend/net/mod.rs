//! Networks: the trait between network devices and whatever carries their frames.

mod tap;

pub use tap::{Tap, TapError, open_tap};

use std::io;
use std::os::fd::BorrowedFd;

/// Bytes of `struct virtio_net_hdr_v1` (VIRTIO 1.2 5.1.6), which stands before every frame, here as in the queues.
pub const HEADER_LENGTH: u8 = 12;

/// A network. Shared by all queues of a device; nothing blocks.
///
/// No offload is in use: a frame is whole, has its checksums, and its header is all zeros, so that whoever reads one
/// may ignore it.
pub trait NetBackend: Send + Sync {
    /// Reads the next frame, behind its header, into `frame`; how many bytes that are. What does not fit is cut off.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; else what the host says.
    fn receive(&self, frame: &mut [u8]) -> io::Result<usize>;
    /// Sends `frame`, which is behind its header.
    ///
    /// # Errors
    /// `WouldBlock` when the host has no room for it; else what the host says. It is not sent then.
    fn send(&self, frame: &[u8]) -> io::Result<()>;
    /// Becomes readable with every frame that comes.
    fn readable(&self) -> BorrowedFd<'_>;
}
