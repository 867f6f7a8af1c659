//! Reading a file straight into guest memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread;
use vm_memory::VolatileSlice;
use vm_memory::bitmap::BitmapSlice;

/// Read at once. In between others may run: KVM's calls of a start wait for grace periods of the host's kernel, whose worker
/// may need the very processor on which this thread reads.
const PIECE: usize = 64 << 10;

/// Fills `slice` with the bytes of `file` from `offset` on. The file's own position is neither used nor moved, so
/// that machines can share a descriptor.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the file ends first, else what the system answered. The slice may have been
/// written to.
pub(crate) fn read_exact_at<B: BitmapSlice>(
    file: &File,
    mut offset: u64,
    mut slice: VolatileSlice<'_, B>,
) -> io::Result<()> {
    while !slice.is_empty() {
        let position = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let guard = slice.ptr_guard_mut();
        // SAFETY: the pointer is valid for writes of that many bytes, at most `slice.len()`, while `slice` lives (invariant of
        // VolatileSlice); no reference to the bytes is made, the kernel writes them as a device would.
        let read = unsafe { libc::pread(file.as_raw_fd(), guard.as_ptr().cast(), slice.len().min(PIECE), position) };
        match usize::try_from(read) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                slice.bitmap().mark_dirty(0, read);
                slice = slice.offset(read).map_err(io::Error::other)?;
                offset += read as u64; // usize has 64 bits, and the sum is a position in a file
                thread::yield_now();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::RamRegion;
    use super::*;
    use crate::config::Backing;
    use std::io::{Seek, Write};
    use vm_memory::{Bytes, GuestMemoryRegion, MemoryRegionAddress};

    fn region() -> RamRegion {
        RamRegion::new(0..0x4000, Backing::Anonymous).unwrap()
    }

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn bytes_come_from_the_offset_and_the_position_stays() {
        let (region, mut file) = (region(), file(b"0123456789"));
        region.dirty().enable();
        let slice = region.get_slice(MemoryRegionAddress(0x1ffe), 4).unwrap();
        read_exact_at(&file, 3, slice).unwrap();
        let mut bytes = [0; 6];
        region.read_slice(&mut bytes, MemoryRegionAddress(0x1ffd)).unwrap();
        assert_eq!(&bytes, b"\x003456\0");
        assert_eq!(file.stream_position().unwrap(), 10);
        assert_eq!(region.dirty().harvest(), [0b110]);
    }

    #[test]
    fn a_file_that_ends_early_is_an_unexpected_end() {
        let (region, file) = (region(), file(b"0123456789"));
        for (offset, count) in [(0, 11), (9, 2), (10, 1), (11, 1), (u64::MAX, 1)] {
            let slice = region.get_slice(MemoryRegionAddress(0), count).unwrap();
            let error = read_exact_at(&file, offset, slice).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        read_exact_at(&file, 100, region.get_slice(MemoryRegionAddress(0), 0).unwrap()).unwrap();
    }

    #[test]
    fn what_the_system_refuses_is_told() {
        let directory = File::open("/").unwrap();
        let slice = region();
        let slice = slice.get_slice(MemoryRegionAddress(0), 1).unwrap();
        assert_eq!(read_exact_at(&directory, 0, slice).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
