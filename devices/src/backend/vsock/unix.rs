//! Unix sockets by the convention of Firecracker: the host connects to one socket and names the guest's port there; the
//! guest's connections to port N of the host go to the socket `NAME_N` beside it.

use super::VsockBackend;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, connect, socket_with, sockopt};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use thiserror::Error;

/// Why sockets cannot be a vsock's host side.
#[derive(Debug, Error)]
pub enum UnixSocketsError {
    /// It is no socket, or nobody called listen(2).
    #[error("The descriptor is not a Unix stream socket that listens")]
    NotListening,
    /// The host refuses.
    #[error("The socket cannot be used")]
    Host(#[source] io::Error),
}

/// A socket that is listened on, and the directory of those that the guest reaches.
#[derive(Debug)]
pub struct UnixSockets {
    listener: OwnedFd,
    directory: OwnedFd,
    name: OsString,
}

impl UnixSockets {
    /// The host connects through `listener`; the guest reaches the sockets `NAME_PORT` in `directory`.
    ///
    /// # Errors
    /// `listener` does not listen for streams.
    pub fn new(listener: OwnedFd, directory: OwnedFd, name: OsString) -> Result<Self, UnixSocketsError> {
        let is = |answer: rustix::io::Result<bool>| answer.unwrap_or(false);
        let listens = is(sockopt::socket_acceptconn(&listener))
            && is(sockopt::socket_domain(&listener).map(|domain| domain == AddressFamily::UNIX))
            && is(sockopt::socket_type(&listener).map(|kind| kind == SocketType::STREAM));
        if !listens {
            return Err(UnixSocketsError::NotListening);
        }
        let flags = fcntl_getfl(&listener).map_err(host)?;
        fcntl_setfl(&listener, flags | OFlags::NONBLOCK).map_err(host)?;
        Ok(Self { listener, directory, name })
    }
}

fn host(errno: Errno) -> UnixSocketsError {
    UnixSocketsError::Host(errno.into())
}

impl VsockBackend for UnixSockets {
    fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    fn accept(&self) -> io::Result<OwnedFd> {
        Ok(accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?)
    }

    fn connect(&self, port: u32) -> io::Result<OwnedFd> {
        // There is no connectat(2): the directory is named by its descriptor.
        let mut path = format!("/proc/self/fd/{}/", self.directory.as_raw_fd()).into_bytes();
        path.extend_from_slice(self.name.as_bytes());
        path.extend_from_slice(format!("_{port}").as_bytes());
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stream = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&stream, &address)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    fn sockets(directory: &tempfile::TempDir) -> UnixSockets {
        let listener = UnixListener::bind(directory.path().join("vm.sock")).unwrap();
        let opened = File::open(directory.path()).unwrap();
        UnixSockets::new(listener.into(), opened.into(), "vm.sock".into()).unwrap()
    }

    #[test]
    fn the_host_is_accepted_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let sockets = sockets(&directory);
        assert_eq!(sockets.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut client = UnixStream::connect(directory.path().join("vm.sock")).unwrap();
        let mut server = UnixStream::from(sockets.accept().unwrap());
        assert_eq!(server.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"x").unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 1);
    }

    #[test]
    fn a_port_of_the_host_is_a_socket_beside_the_listener() {
        let directory = tempfile::tempdir().unwrap();
        let sockets = sockets(&directory);
        assert_eq!(sockets.connect(52).unwrap_err().kind(), io::ErrorKind::NotFound);
        let service = UnixListener::bind(directory.path().join("vm.sock_52")).unwrap();
        let stream = sockets.connect(52).unwrap();
        service.accept().unwrap();
        drop((service, stream));
        assert_eq!(sockets.connect(52).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn only_a_listening_stream_socket_will_do() {
        let refused = |descriptor: OwnedFd| {
            let directory = File::open("/").unwrap();
            assert!(matches!(
                UnixSockets::new(descriptor, directory.into(), "x".into()),
                Err(UnixSocketsError::NotListening)
            ));
        };
        refused(File::open("/dev/zero").unwrap().into());
        refused(UnixStream::pair().unwrap().0.into());
        refused(UnixDatagram::pair().unwrap().0.into());
    }
}
