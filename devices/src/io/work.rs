//! What is done to a file for a disk, and how it is done at once, by system calls of the calling thread.

use super::transfer::{Call, Direction, Progress, Transfer};
use super::zeroes;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One thing to do to a file.
pub(crate) enum Work {
    /// Reads or writes.
    Transfer(Transfer),
    /// Makes everything that was written survive a power failure.
    Flush,
    /// Frees a range, where the host can.
    Discard {
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// Makes a range zero.
    WriteZeroes {
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// The host may free it.
        unmap: bool,
    },
}

impl Work {
    /// It is done already.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Transfer(transfer) => transfer.is_empty(),
            Self::Discard { length, .. } | Self::WriteZeroes { length, .. } => *length == 0,
            Self::Flush => false,
        }
    }

    /// Does it, to the end.
    ///
    /// # Errors
    /// The host's; `UnexpectedEof` when the file ends before a read does, `WriteZero` when it takes nothing more. What
    /// was moved before stays so.
    pub(crate) fn perform(self, file: BorrowedFd<'_>) -> io::Result<()> {
        match self {
            Self::Transfer(transfer) => perform_transfer(transfer, |call| vectored(file, call)),
            Self::Flush => Ok(rustix::fs::fdatasync(file)?),
            Self::Discard { offset, length } => zeroes::discard_at(file, offset, length),
            Self::WriteZeroes { offset, length, unmap } => zeroes::write_zeroes_at(file, offset, length, unmap),
        }
    }
}

/// Asks `host` until `transfer` is at its end.
pub(super) fn perform_transfer(
    mut transfer: Transfer,
    mut host: impl FnMut(&Call<'_>) -> Result<usize, i32>,
) -> io::Result<()> {
    if transfer.is_empty() {
        return Ok(());
    }
    loop {
        let answer = host(&transfer.call()?);
        if let Progress::Done(result) = transfer.answered(answer) {
            return result;
        }
    }
}

/// preadv2(2) or pwritev2(2).
fn vectored(file: BorrowedFd<'_>, call: &Call<'_>) -> Result<usize, i32> {
    let failed = |_| libc::EINVAL;
    let offset = libc::off_t::try_from(call.offset).map_err(failed)?;
    let count = libc::c_int::try_from(call.vectors.len()).map_err(failed)?;
    let (file, vectors) = (file.as_raw_fd(), call.vectors.as_ptr());
    let moved = match call.direction {
        // SAFETY: `vectors` has `count` entries, each a range of memory that the transfer keeps mapped during the call and
        // that the kernel may write: guest memory, to which no Rust reference exists (it is only reached through volatile
        // slices), or a buffer of the transfer's own.
        Direction::Read => unsafe { libc::preadv2(file, vectors, count, offset, 0) },
        Direction::Write { stable } => {
            let flags = if stable { libc::RWF_DSYNC } else { 0 };
            // SAFETY: as above; the kernel only reads the ranges.
            unsafe { libc::pwritev2(file, vectors, count, offset, flags) }
        }
    };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}
