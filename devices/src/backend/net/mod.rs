//! Networks: the trait between network devices and whatever carries their frames.

mod kernel;
mod offloads;
mod tap;
mod vhost;

pub use kernel::{HostRange, KernelRings, RingOf, RingSetup};
pub use offloads::Offloads;
pub use tap::{Tap, TapError, open_tap};
pub use vhost::{VhostError, open_vhost_net};

use std::io;
use std::os::fd::BorrowedFd;

/// Bytes of `struct virtio_net_hdr_v1` (VIRTIO 1.2 5.1.6), which stands before every frame, here as in the queues.
pub const HEADER_LENGTH: u8 = 12;

/// A network with one queue for each pair of its device's. Shared by all of them; nothing blocks.
///
/// The header before a frame says what the frame lacks: who sends one must be able to rely on [`NetBackend::offloads`],
/// and what comes is not more than [`NetBackend::set_offloads`] allows. Frames that were under way when it was
/// called may still be of the kind before.
pub trait NetBackend: Send + Sync {
    /// How many queues there are: at least one.
    fn queues(&self) -> u16;
    /// Puts the next frame of `queue`, behind its header, behind what is in `frame`, which does not grow for it: what its
    /// capacity does not hold is cut off. So a buffer for the longest frame takes no more memory than frames have needed.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `NotConnected` when the network has gone, for ever; else what the host says.
    fn receive(&self, queue: u16, frame: &mut Vec<u8>) -> io::Result<()>;
    /// Sends `frame`, which is behind its header, through `queue`.
    ///
    /// # Errors
    /// `WouldBlock` when the host has no room for it; `NotConnected` when the network has gone, for ever; else what the
    /// host says. It is not sent then.
    fn send(&self, queue: u16, frame: &[u8]) -> io::Result<()>;
    /// Becomes readable with every frame that comes to `queue`, and when the network goes.
    fn readable(&self, queue: u16) -> Option<BorrowedFd<'_>>;
    /// The kernel carries the frames between rings and network; `None`: whoever uses this trait does.
    fn kernel(&self) -> Option<&dyn KernelRings> {
        None
    }
    /// What it can do.
    fn offloads(&self) -> Offloads;
    /// Frames to the guest may need the [`Offloads::GUEST`] ones among `offloads` from now on, and no others.
    ///
    /// # Errors
    /// What the host says; `NotConnected` when the network has gone.
    fn set_offloads(&self, offloads: Offloads) -> io::Result<()>;
    /// Frames to the guest come through the first `count` queues from now on: at least one, at most all.
    ///
    /// # Errors
    /// What the host says; `NotConnected` when the network has gone.
    fn set_active_queues(&self, count: u16) -> io::Result<()>;
}
