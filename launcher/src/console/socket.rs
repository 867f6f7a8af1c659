//! A Unix socket as the console.

use super::relay::Port;
use super::socket_file::{SocketFile, SocketFileError};
use rustix::net::{SocketFlags, accept_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What a second client reads before it is sent away.
const IN_USE: &[u8] = b"The console is in use by another client.\r\n";

/// Listens on a socket file; dropping it removes the file.
pub(super) struct SocketPort {
    file: SocketFile,
}

impl SocketPort {
    /// Listens on `path`.
    ///
    /// # Errors
    /// The path is in use, or cannot be a socket.
    pub(super) fn open(path: &Path) -> Result<Self, SocketFileError> {
        SocketFile::listen(path).map(|file| Self { file })
    }
}

impl Port for SocketPort {
    fn doorbell(&self) -> BorrowedFd<'_> {
        self.file.listener().as_fd()
    }

    fn answer(&mut self, busy: bool) -> Option<OwnedFd> {
        // A client that has gone again is none.
        let client = accept_with(self.file.listener(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()?;
        if busy {
            // A new connection has room for one line; the client may have gone.
            let _ = rustix::io::write(&client, IN_USE);
            return None;
        }
        Some(client)
    }
}
