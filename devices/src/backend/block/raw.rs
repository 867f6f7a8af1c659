//! A raw disk: a regular file or a block device, by pread(2) and pwrite(2).

use super::{BlockBackend, BlockChannel, DiskError, Operation, Submission};
use crate::id::DeviceId;
use crate::io::{FileLock, discard_at, read_exact_at, set_lock, write_all_at, write_zeroes_at};
use crate::worker::WorkerContext;
use rustix::fs::{FileType, OFlags, SeekFrom};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The unit of the guest's addresses (VIRTIO 1.2 5.2.4).
const SECTOR: u64 = 512;

/// The bytes of a file or block device, as they are.
#[derive(Debug)]
pub struct RawDisk {
    id: DeviceId,
    file: Arc<File>,
    capacity: AtomicU64,
    readonly: bool,
}

impl RawDisk {
    /// Examines `file`, which stays unlocked until [`BlockBackend::lock`].
    ///
    /// A size that is not a multiple of 512 is refused rather than rounded: the guest would silently lose the end of
    /// its disk, or the host's file would grow.
    ///
    /// # Errors
    /// It is neither a file nor a block device, its size does not fit, or it is not opened as needed.
    pub fn new(id: DeviceId, file: File, readonly: bool) -> Result<Self, DiskError> {
        let host = |action| {
            let disk = id.clone();
            move |source: rustix::io::Errno| DiskError::Host { action, disk, source: source.into() }
        };
        let stat = rustix::fs::fstat(&file).map_err(host("examine"))?;
        if let Some(found) = not_a_disk(FileType::from_raw_mode(stat.st_mode)) {
            return Err(DiskError::NotADisk { disk: id, found });
        }
        let flags = rustix::fs::fcntl_getfl(&file).map_err(host("examine"))?;
        let access = flags & OFlags::RWMODE;
        if flags.contains(OFlags::PATH) || access == OFlags::WRONLY {
            return Err(DiskError::NotReadable(id));
        }
        if !readonly && access != OFlags::RDWR {
            return Err(DiskError::NotWritable(id));
        }
        let capacity = AtomicU64::new(size(&id, &file)?);
        Ok(Self { id, file: Arc::new(file), capacity, readonly })
    }

    fn set_lock(&self, lock: FileLock, action: &'static str) -> Result<(), DiskError> {
        set_lock(self.file.as_fd(), lock).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => DiskError::InUse(self.id.clone()),
            _ => DiskError::Host { action, disk: self.id.clone(), source },
        })
    }
}

/// The size of `file` in bytes, in whole sectors.
fn size(id: &DeviceId, file: &File) -> Result<u64, DiskError> {
    let disk = || id.clone();
    // Unlike fstat, the end is right for block devices too. I/O has its own offsets, so moving this one is harmless.
    let size = rustix::fs::seek(file, SeekFrom::End(0)).map_err(|source| DiskError::Host {
        action: "find the size of",
        disk: disk(),
        source: source.into(),
    })?;
    if size.is_multiple_of(SECTOR) {
        Ok(size)
    } else {
        Err(DiskError::OddSize { disk: disk(), size, next: size.next_multiple_of(SECTOR) })
    }
}

/// What is wrong with the type of a file, in words.
fn not_a_disk(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::RegularFile | FileType::BlockDevice => None,
        FileType::Directory => Some("a directory"),
        FileType::CharacterDevice => Some("a character device"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        _ => Some("of an unknown type"),
    }
}

impl BlockBackend for RawDisk {
    fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Acquire)
    }

    fn refresh(&self) -> Result<u64, DiskError> {
        let size = size(&self.id, &self.file)?;
        self.capacity.store(size, Ordering::Release);
        Ok(size)
    }

    fn readonly(&self) -> bool {
        self.readonly
    }

    fn channel(&self) -> io::Result<Box<dyn BlockChannel>> {
        Ok(Box::new(RawChannel { file: Arc::clone(&self.file) }))
    }

    fn lock(&self) -> Result<(), DiskError> {
        // Many may read a disk that nobody writes.
        self.set_lock(if self.readonly { FileLock::Shared } else { FileLock::Exclusive }, "lock")
    }

    fn unlock(&self) -> Result<(), DiskError> {
        self.set_lock(FileLock::None, "unlock")
    }
}

/// Completes everything at once, in the caller's thread.
struct RawChannel {
    file: Arc<File>,
}

impl BlockChannel for RawChannel {
    fn submit(&mut self, _worker: &mut WorkerContext, _token: u64, operation: Operation) -> Submission {
        let file = self.file.as_fd();
        Submission::Complete(match operation {
            Operation::Read { offset, into } => read_exact_at(file, into, offset),
            Operation::Write { offset, from, stable } => write_all_at(file, from, offset, stable),
            Operation::Flush => rustix::fs::fdatasync(file).map_err(io::Error::from),
            Operation::Discard { offset, length } => discard_at(file, offset, length),
            Operation::WriteZeroes { offset, length, unmap } => write_zeroes_at(file, offset, length, unmap),
        })
    }
}

#[cfg(test)]
mod tests;
