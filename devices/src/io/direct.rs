//! What the host asks of I/O that goes past its page cache (open(2), O_DIRECT).

use rustix::fs::{AtFlags, OFlags, StatxFlags, fcntl_getfl, fcntl_setfl, ioctl_blksszget, statx};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;

/// What a host that does not tell is taken to ask for: every filesystem takes it.
const CAUTIOUS: usize = 4096;

/// Alignment in bytes, each a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectIo {
    /// Of addresses in memory.
    pub(crate) memory: usize,
    /// Of offsets and lengths: what the disk must be read and written in.
    pub(crate) block: usize,
}

impl DirectIo {
    /// Takes `file` past the page cache, for all who use its open file description.
    ///
    /// # Errors
    /// Its filesystem cannot do that (`EINVAL`), or the host does not let us.
    pub(crate) fn enable(file: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = fcntl_getfl(file)?;
        fcntl_setfl(file, flags | OFlags::DIRECT)?;
        Ok(Self::of(file))
    }

    /// What the host tells of `file`: by statx(2) since Linux 6.1, for block devices always.
    fn of(file: BorrowedFd<'_>) -> Self {
        let size = |bytes: u32| usize::try_from(bytes).ok().filter(|bytes| bytes.is_power_of_two());
        if let Ok(answer) = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN)
            && let (Some(memory), Some(block)) = (size(answer.stx_dio_mem_align), size(answer.stx_dio_offset_align))
        {
            return Self { memory, block };
        }
        match ioctl_blksszget(file).map(size) {
            Ok(Some(sector)) => Self { memory: sector, block: sector },
            Ok(None) | Err(_) => Self::probe(file),
        }
    }

    /// Tries whether one sector of the guest can be read by itself.
    fn probe(file: BorrowedFd<'_>) -> Self {
        #[repr(align(4096))]
        struct Sector([u8; 512]);
        let mut sector = Sector([0; 512]);
        match rustix::io::pread(file, &mut sector.0, 0) {
            Err(Errno::INVAL) => Self { memory: CAUTIOUS, block: CAUTIOUS },
            // It was read, or something else is wrong with the file that its first request will tell.
            Ok(_) | Err(_) => Self { memory: CAUTIOUS, block: 512 },
        }
    }

    /// The kernel takes this range of memory as it is.
    pub(super) fn takes(&self, vector: &libc::iovec) -> bool {
        vector.iov_base.addr().is_multiple_of(self.memory) && vector.iov_len.is_multiple_of(self.block)
    }
}
