//! preadv(2) and pwritev(2) on guest memory, to the last byte.

use super::segments::Segments;
use super::{Sink, Source};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most segments the kernel takes in one call (UIO_MAXIOV).
const MAX_SEGMENTS: usize = 1024;

/// Fills `sink` with the bytes of `file` from `offset` on.
///
/// # Errors
/// The host's, or `UnexpectedEof` when the file ends early; what arrived before stays in guest memory.
pub(crate) fn read_exact_at(file: BorrowedFd<'_>, mut sink: Sink, offset: u64) -> io::Result<()> {
    transfer(sink.segments(), offset, io::ErrorKind::UnexpectedEof, |vectors, count, offset| {
        // SAFETY: `vectors` has `count` entries, each a range of writable guest memory that `sink` keeps mapped during
        // the call; no Rust reference to that memory exists (it is only reached through volatile slices).
        unsafe { libc::preadv(file.as_raw_fd(), vectors, count, offset) }
    })
}

/// Writes all of `source` to `file` from `offset` on. With `stable` it survives a power failure from then on.
///
/// # Errors
/// The host's, or `WriteZero` when it takes nothing more; what was taken before stays written.
pub(crate) fn write_all_at(file: BorrowedFd<'_>, mut source: Source, offset: u64, stable: bool) -> io::Result<()> {
    let flags = if stable { libc::RWF_DSYNC } else { 0 };
    transfer(source.segments(), offset, io::ErrorKind::WriteZero, |vectors, count, offset| {
        // SAFETY: `vectors` has `count` entries, each a range of guest memory that `source` keeps mapped during the
        // call; the kernel only reads it.
        unsafe { libc::pwritev2(file.as_raw_fd(), vectors, count, offset, flags) }
    })
}

/// Repeats `call` until `segments` is used up: calls may be short, interrupted, and take [`MAX_SEGMENTS`] at most.
/// A call that moves nothing ends it with `stuck`.
pub(super) fn transfer(
    segments: &mut Segments,
    mut offset: u64,
    stuck: io::ErrorKind,
    call: impl Fn(*const libc::iovec, libc::c_int, libc::off_t) -> libc::ssize_t,
) -> io::Result<()> {
    while !segments.left().is_empty() {
        let vectors = segments.left();
        let count = vectors.len().min(MAX_SEGMENTS);
        let position = libc::off_t::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let count = libc::c_int::try_from(count).unwrap_or(libc::c_int::MAX); // at most 1024
        match usize::try_from(call(vectors.as_ptr(), count, position)) {
            Ok(0) => return Err(stuck.into()),
            Ok(moved) => {
                segments.advance(moved)?;
                offset = offset.saturating_add(moved as u64);
            }
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}
