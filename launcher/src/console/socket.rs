//! A Unix socket as the console.

use super::relay::{Answer, Port};
use crate::socket_file::{SocketFile, SocketFileError};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use std::os::fd::{AsFd, BorrowedFd};
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

    fn answer(&mut self, busy: bool) -> Answer {
        match accept_with(self.file.listener(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(client) if busy => {
                // A new connection has room for one line; the client may have gone.
                let _ = rustix::io::write(&client, IN_USE);
                Answer::Nobody
            }
            Ok(client) => Answer::Client(client),
            Err(errno) => refused(errno),
        }
    }
}

/// A client that has gone again is nobody; one for whom the host lacks something goes on waiting in the queue.
fn refused(errno: Errno) -> Answer {
    match errno {
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Answer::Unable,
        _ => Answer::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_host_lacks_is_worth_another_try() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(matches!(refused(errno), Answer::Unable), "{errno}");
        }
        for errno in [Errno::AGAIN, Errno::CONNABORTED, Errno::INTR] {
            assert!(matches!(refused(errno), Answer::Nobody), "{errno}");
        }
    }
}
