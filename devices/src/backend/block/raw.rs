//! A raw disk: a regular file or a block device, by io_uring where the worker has a ring, else by preadv2(2) and
//! pwritev2(2).

use super::{BlockBackend, BlockChannel, CacheMode, DiskError, Operation, Submission};
use crate::id::DeviceId;
use crate::io::ring::{Ring, Seat};
use crate::io::{DirectIo, FileLock, Transfer, Work, set_lock};
use crate::worker::WorkerContext;
use rustix::fs::{FileType, OFlags, SeekFrom};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// The unit of the guest's addresses (VIRTIO 1.2 5.2.4).
const SECTOR: u64 = 512;

/// The bytes of a file or block device, as they are.
#[derive(Debug)]
pub struct RawDisk {
    id: DeviceId,
    file: Arc<File>,
    capacity: AtomicU64,
    readonly: bool,
    direct: Option<DirectIo>,
    locked: AtomicBool,
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
        Ok(Self { id, file: Arc::new(file), capacity, readonly, direct: None, locked: AtomicBool::new(false) })
    }

    /// Sets how the host's page cache is used, for a guest that reads and writes blocks of `block` bytes. All who share
    /// the open file description share that it goes past the page cache.
    ///
    /// # Errors
    /// It is to go past the page cache, and the filesystem cannot, or not in such blocks.
    pub fn with_cache(mut self, cache: CacheMode, block: u32) -> Result<Self, DiskError> {
        if cache == CacheMode::None {
            let disk = || self.id.clone();
            let direct =
                DirectIo::enable(self.file.as_fd()).map_err(|source| DiskError::NotDirect { disk: disk(), source })?;
            if !usize::try_from(block).unwrap_or(usize::MAX).is_multiple_of(direct.block) {
                return Err(DiskError::DirectBlock { disk: disk(), block: direct.block });
            }
            self.direct = Some(direct);
        }
        Ok(self)
    }

    fn set_lock(&self, lock: FileLock, action: &'static str) -> Result<(), DiskError> {
        set_lock(self.file.as_fd(), lock).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => DiskError::InUse(self.id.clone()),
            _ => DiskError::Host { action, disk: self.id.clone(), source },
        })?;
        self.locked.store(lock != FileLock::None, Ordering::Release);
        Ok(())
    }
}

impl Drop for RawDisk {
    /// Closing the file would do, were it not for rings: the kernel keeps a ring's files for a while after it has gone.
    fn drop(&mut self) {
        if self.locked.load(Ordering::Acquire)
            && let Err(error) = self.unlock()
        {
            tracing::warn!("A disk stays locked until its descriptor is closed: {error}");
        }
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
        Ok(Box::new(RawChannel { file: Arc::clone(&self.file), direct: self.direct, seat: None, without_ring: false }))
    }

    fn lock(&self) -> Result<(), DiskError> {
        // Many may read a disk that nobody writes.
        self.set_lock(if self.readonly { FileLock::Shared } else { FileLock::Exclusive }, "lock")
    }

    fn unlock(&self) -> Result<(), DiskError> {
        self.set_lock(FileLock::None, "unlock")
    }
}

/// A queue's way to the file: by the worker's ring, or at once in the worker's thread.
struct RawChannel {
    file: Arc<File>,
    direct: Option<DirectIo>,
    /// In the ring of the worker that serves the queue now.
    seat: Option<Seat>,
    /// That ring has no room.
    without_ring: bool,
}

impl RawChannel {
    fn work(&self, operation: Operation) -> Work {
        match operation {
            Operation::Read { offset, into } => Work::Transfer(Transfer::read(into, offset, self.direct)),
            Operation::Write { offset, from, stable } => {
                Work::Transfer(Transfer::write(from, offset, stable, self.direct))
            }
            Operation::Flush => Work::Flush,
            Operation::Discard { offset, length } => Work::Discard { offset, length },
            Operation::WriteZeroes { offset, length, unmap } => Work::WriteZeroes { offset, length, unmap },
        }
    }

    /// The worker's ring, and the seat there.
    fn ring<'a>(&mut self, worker: &'a mut WorkerContext) -> Option<(&'a mut Ring, Seat)> {
        if self.without_ring {
            return None;
        }
        let handler = worker.handler();
        let ring = worker.ring()?;
        let seat = match self.seat {
            Some(seat) => seat,
            None => match ring.sit(&self.file, handler) {
                Ok(seat) => *self.seat.insert(seat),
                Err(error) => {
                    tracing::warn!("A disk's queue is served by system calls: {error}");
                    self.without_ring = true;
                    return None;
                }
            },
        };
        Some((ring, seat))
    }
}

impl BlockChannel for RawChannel {
    fn submit(&mut self, worker: &mut WorkerContext, token: u64, operation: Operation) -> Submission {
        let work = self.work(operation);
        if work.is_nothing() {
            return Submission::Complete(Ok(()));
        }
        match self.ring(worker) {
            Some((ring, seat)) => {
                ring.submit(seat, token, work);
                Submission::Pending
            }
            None => Submission::Complete(work.perform(self.file.as_fd())),
        }
    }

    fn next_completion(&mut self, worker: &mut WorkerContext) -> Option<(u64, io::Result<()>)> {
        worker.made_ring()?.next_completion(self.seat?)
    }

    fn wait(&mut self, worker: &mut WorkerContext, deadline: Instant) {
        if let Some(ring) = worker.made_ring() {
            ring.wait(deadline);
        }
    }

    fn leave(&mut self, worker: &mut WorkerContext) {
        self.without_ring = false;
        if let (Some(seat), Some(ring)) = (self.seat.take(), worker.made_ring()) {
            ring.leave(seat);
        }
    }
}

#[cfg(test)]
mod tests;
