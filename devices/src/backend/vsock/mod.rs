//! The host's side of a vsock device: who listens there, and who connects from there.

mod unix;

pub use unix::{UnixSockets, UnixSocketsError};

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The host as a peer of the guest's sockets. Streams that come out of it do not block, and nothing here does.
pub trait VsockBackend: Send + Sync {
    /// Becomes readable with everybody who wants to be connected to the guest.
    fn listener(&self) -> BorrowedFd<'_>;
    /// The stream of the next who wants to be connected.
    ///
    /// # Errors
    /// `WouldBlock` when nobody does; else what the host says.
    fn accept(&self) -> io::Result<OwnedFd>;
    /// A stream to whoever serves `port` on the host.
    ///
    /// # Errors
    /// Nobody does, or not now.
    fn connect(&self, port: u32) -> io::Result<OwnedFd>;
}
