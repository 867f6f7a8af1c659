//! Open-file-description locks over whole files (fcntl(2), F_OFD_SETLK).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What to hold on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileLock {
    /// Nobody else may write.
    Shared,
    /// Nobody else may read or write.
    Exclusive,
    /// Nothing.
    None,
}

/// Sets the lock of `file`'s open file description, over all bytes, without waiting. Descriptors duplicated from
/// `file` share it; other opens of the same file, in this process too, compete with it.
///
/// # Errors
/// `WouldBlock` when another description holds a lock that excludes this one.
pub(crate) fn set_lock(file: BorrowedFd<'_>, lock: FileLock) -> io::Result<()> {
    let kind = match lock {
        FileLock::Shared => libc::F_RDLCK,
        FileLock::Exclusive => libc::F_WRLCK,
        FileLock::None => libc::F_UNLCK,
    };
    // The constants are small and positive; l_len 0 means to the end, wherever that will be.
    #[allow(clippy::cast_possible_truncation)]
    let request = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open for the call because it is borrowed, and F_OFD_SETLK reads one `flock`, which
    // `request` is, and writes nothing.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // fcntl(2) lets a system say EACCES where Linux says EAGAIN.
    if error.raw_os_error() == Some(libc::EACCES) { Err(io::ErrorKind::WouldBlock.into()) } else { Err(error) }
}
