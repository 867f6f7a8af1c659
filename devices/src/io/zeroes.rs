//! Bytes of a file that are no longer needed, or are to be zero (fallocate(2)).

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, pwrite};
use std::io;
use std::os::fd::BorrowedFd;

/// What is written where the host's filesystem cannot zero by itself. Aligned for every kind of direct I/O.
#[repr(align(4096))]
struct Zeroes([u8; 64 << 10]);

static ZEROES: Zeroes = Zeroes([0; 64 << 10]);

/// Frees a range.
pub(super) const FREE: FallocateFlags = FallocateFlags::PUNCH_HOLE;

/// Makes a range zero, and frees it with `unmap`.
pub(super) fn how(unmap: bool) -> FallocateFlags {
    if unmap { FREE } else { FallocateFlags::ZERO_RANGE }
}

/// Frees `length` bytes of `file` from `offset` on. Where the host cannot, they stay.
///
/// # Errors
/// The host's.
pub(super) fn discard_at(file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    match allocate(file, FREE, offset, length) {
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes `length` bytes of `file` from `offset` on zero. With `unmap` the host may free their place.
///
/// # Errors
/// The host's; what was zeroed before stays so.
pub(super) fn write_zeroes_at(file: BorrowedFd<'_>, offset: u64, length: u64, unmap: bool) -> io::Result<()> {
    match allocate(file, how(unmap), offset, length) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP) => store_zeroes(file, offset, length),
        Err(error) => Err(error.into()),
    }
}

fn allocate(file: BorrowedFd<'_>, how: FallocateFlags, offset: u64, length: u64) -> Result<(), Errno> {
    loop {
        match fallocate(file, how | FallocateFlags::KEEP_SIZE, offset, length) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Writes zeroes, where the host's filesystem cannot make them.
pub(super) fn store_zeroes(file: BorrowedFd<'_>, mut offset: u64, mut length: u64) -> io::Result<()> {
    while length > 0 {
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(ZEROES.0.len());
        let bytes = ZEROES.0.get(..count).unwrap_or_default();
        match pwrite(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset = offset.saturating_add(written as u64);
                length = length.saturating_sub(written as u64);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    #[test]
    fn zeroes_are_stored_where_the_filesystem_cannot_make_them() {
        let file = tempfile::tempfile().unwrap();
        let length = 200_000;
        file.write_all_at(&vec![9; length], 0).unwrap();
        store_zeroes(file.as_fd(), 512, 150_000).unwrap();
        let mut bytes = vec![1; length];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let zero = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(index, _)| index);
        assert!(zero.eq(512..150_512));
    }
}
