//! The file of a listening Unix socket: made for its owner only, never in the place of something that is in use,
//! removed at the end.

use crate::cleanup::{Cleanup, on_exit};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, fchmod, fstat, open, renameat_with, statat, unlink,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Clients that may wait to be answered.
const BACKLOG: i32 = 4;

/// Why there is no socket.
#[derive(Debug, Error)]
pub(crate) enum SocketFileError {
    #[error("It is no path of a socket")]
    Path(#[source] Errno),
    #[error("The socket cannot be made")]
    Make(#[source] Errno),
    #[error("It is there already, and is not a socket")]
    NotASocket,
    #[error("Another process is listening on it")]
    InUse,
    #[error("It is there already, and cannot be looked at")]
    Examine(#[source] Errno),
    #[error("It was left over by a process that has ended, and cannot be removed")]
    Remove(#[source] Errno),
}

/// A listening socket and its file, which is removed when this is dropped and on every other way out.
pub(crate) struct SocketFile {
    listener: OwnedFd,
    removal: Cleanup,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    filesystem: u64,
    inode: u64,
}

impl SocketFile {
    /// Listens on `path`. A socket file that nobody listens on is replaced.
    ///
    /// # Errors
    /// Something else is there, somebody listens, or the host refuses.
    pub(crate) fn listen(path: &Path) -> Result<Self, SocketFileError> {
        let address = SocketAddrUnix::new(path).map_err(SocketFileError::Path)?;
        let listener = unbound().map_err(SocketFileError::Make)?;
        // Before it has a name: the name never has more rights than its owner's.
        fchmod(&listener, Mode::RUSR | Mode::WUSR).map_err(SocketFileError::Make)?;
        match bind(&listener, &address) {
            Err(Errno::ADDRINUSE) => {
                remove_stale(path)?;
                bind(&listener, &address).map_err(|errno| match errno {
                    Errno::ADDRINUSE => SocketFileError::InUse, // somebody was faster
                    other => SocketFileError::Make(other),
                })
            }
            other => other.map_err(SocketFileError::Make),
        }?;
        let ours = identity(path).map_err(SocketFileError::Make)?;
        // The directory may not be the current one at the end.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let removal = on_exit(move || remove_ours(&path, ours));
        listen(&listener, BACKLOG).map_err(SocketFileError::Make)?;
        Ok(Self { listener, removal })
    }

    /// The socket that listens.
    pub(crate) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// The socket that listens, and what removes its file.
    pub(crate) fn into_parts(self) -> (OwnedFd, Cleanup) {
        (self.listener, self.removal)
    }
}

fn unbound() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

fn identity(path: &Path) -> Result<Identity, Errno> {
    let stat = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Identity { filesystem: stat.st_dev, inode: stat.st_ino })
}

/// Removes the socket file that nobody listens on, and no other: another launcher may replace it at the same moment.
fn remove_stale(path: &Path) -> Result<(), SocketFileError> {
    // Held open to the end, so that its inode number cannot be another file's.
    let held = match open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(held) => held,
        Err(Errno::NOENT) => return Ok(()), // its owner has just removed it
        Err(errno) => return Err(SocketFileError::Examine(errno)),
    };
    let stat = fstat(&held).map_err(SocketFileError::Examine)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(SocketFileError::NotASocket);
    }
    let stale = Identity { filesystem: stat.st_dev, inode: stat.st_ino };
    // By the descriptor: the name may be another socket's by now.
    let name = format!("/proc/self/fd/{}", held.as_raw_fd());
    let address = SocketAddrUnix::new(name).map_err(SocketFileError::Examine)?;
    match connect(unbound().map_err(SocketFileError::Examine)?, &address) {
        Err(Errno::CONNREFUSED) => {}
        Ok(()) | Err(Errno::AGAIN) => return Err(SocketFileError::InUse),
        Err(errno) => return Err(SocketFileError::Examine(errno)),
    }
    take_away(path, stale)
}

/// Removes the file that is `stale`; another that stands in its place by now stays. Moved aside, looked at, and only
/// then removed: a removal cannot be taken back.
fn take_away(path: &Path, stale: Identity) -> Result<(), SocketFileError> {
    let aside = aside(path);
    match renameat_with(CWD, path, CWD, &aside, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(SocketFileError::Remove(errno)),
    }
    if identity(&aside) == Ok(stale) {
        return unlink(&aside).map_err(SocketFileError::Remove);
    }
    // It was a new one. It never stopped listening; only its name was away.
    renameat_with(CWD, &aside, CWD, path, RenameFlags::NOREPLACE).map_err(SocketFileError::Remove)?;
    Err(SocketFileError::InUse)
}

fn aside(path: &Path) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(format!(".stale-{}", std::process::id()));
    name.into()
}

/// Removes our file, unless somebody has put another in its place.
fn remove_ours(path: &Path, ours: Identity) {
    if identity(path) == Ok(ours) {
        // Nothing more can be done on the way out: the next start finds it stale.
        let _ = unlink(path);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        (directory, path)
    }

    fn names(directory: &tempfile::TempDir) -> Vec<OsString> {
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_file_is_its_owners_and_goes_with_its_socket() {
        let (directory, path) = directory();
        let socket = SocketFile::listen(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(names(&directory).is_empty());
    }

    #[test]
    fn a_socket_of_the_dead_is_replaced() {
        let (directory, path) = directory();
        drop(UnixListener::bind(&path).unwrap()); // std leaves the file
        let stale = path.symlink_metadata().unwrap().ino();
        let held = open(&path, OFlags::PATH, Mode::empty()).unwrap(); // keeps the number from being used again
        let _socket = SocketFile::listen(&path).unwrap();
        assert_ne!(path.symlink_metadata().unwrap().ino(), stale);
        UnixStream::connect(&path).unwrap();
        assert_eq!(names(&directory), ["console"]);
        drop(held);
    }

    #[test]
    fn a_socket_in_use_is_left_alone() {
        let (directory, path) = directory();
        let first = SocketFile::listen(&path).unwrap();
        assert!(matches!(SocketFile::listen(&path), Err(SocketFileError::InUse)));
        UnixStream::connect(&path).unwrap();
        assert_eq!(names(&directory), ["console"]);
        drop(first);
    }

    #[test]
    fn a_socket_that_was_replaced_while_it_was_looked_at_is_left_alone() {
        let (directory, path) = directory();
        let stale = directory.path().join("elsewhere");
        drop(UnixListener::bind(&stale).unwrap());
        let _faster = SocketFile::listen(&path).unwrap();
        assert!(matches!(take_away(&path, identity(&stale).unwrap()), Err(SocketFileError::InUse)));
        UnixStream::connect(&path).unwrap();
        assert_eq!(names(&directory).len(), 2, "only the two sockets are there");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let (directory, path) = directory();
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(SocketFile::listen(&path), Err(SocketFileError::NotASocket)));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        assert!(matches!(SocketFile::listen(directory.path()), Err(SocketFileError::NotASocket)));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(SocketFile::listen(&link).is_err());
        assert_eq!(link.read_link().unwrap(), path);
    }

    #[test]
    fn a_file_that_others_put_in_its_place_is_not_removed() {
        let (_directory, path) = directory();
        let socket = SocketFile::listen(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        drop(socket);
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_path_that_cannot_be_a_socket_is_refused() {
        let long = Path::new("/tmp").join("x".repeat(200));
        assert!(matches!(SocketFile::listen(&long), Err(SocketFileError::Path(Errno::NAMETOOLONG))));
        assert!(matches!(SocketFile::listen(Path::new("/nowhere/console")), Err(SocketFileError::Make(Errno::NOENT))));
    }
}
