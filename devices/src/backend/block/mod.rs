//! Disks: the trait between block devices and whatever holds the data.
//!
//! A [`BlockBackend`] is the disk, whatever bus it is on; each queue of a device talks to it through a [`BlockChannel`]
//! of its own. A channel may complete an operation at once (pread and pwrite) or later, through what the worker lends
//! (io_uring): the queue handles both, so that another backend needs no change in the device.
//!
//! ```text
//!  submit ──▶ Submission::Complete(result)                                     at once
//!         └─▶ Submission::Pending ── (the worker has its turn) ── next_completion     later
//! ```
//!
//! What all buses share stands here too: a [`DiskPort`] has a disk's policies and statistics, and a [`DiskQueue`] brings a
//! device's requests to their end by them.

mod cache;
#[cfg(test)]
pub(crate) mod faults;
mod jobs;
mod on_error;
mod port;
mod queue;
mod raw;
mod removable;
mod statistics;
#[cfg(test)]
pub(crate) mod testing;

pub use cache::CacheMode;
pub(crate) use jobs::{Done, Job, Jobs, Step};
pub use on_error::OnError;
pub use port::{CapacityListener, DiskAlarm, DiskPort};
pub use queue::{DiskJob, DiskQueue};
pub use raw::RawDisk;
pub use removable::{DriveStatus, MediumError, RemovableDisk};
pub use statistics::DiskQueueStatistics;

use crate::id::DeviceId;
use crate::io::{Sink, Source};
use crate::worker::WorkerContext;
use std::io;
use std::time::Instant;
use thiserror::Error;

/// A disk. Shared by all queues of a device; each queue does its I/O through a channel of its own.
pub trait BlockBackend: Send + Sync {
    /// Size in bytes: a multiple of 512. It changes by [`BlockBackend::refresh`] only.
    fn capacity(&self) -> u64;
    /// Looks at the size again, which somebody may have changed on the host, and returns it.
    ///
    /// # Errors
    /// The host does not tell, or it no longer fits the sectors of the guest; the disk then stays as it was.
    fn refresh(&self) -> Result<u64, DiskError>;
    /// No write will be accepted.
    fn readonly(&self) -> bool;
    /// A channel for one queue, whose handler may move between threads.
    ///
    /// # Errors
    /// The host has no room for it.
    fn channel(&self) -> io::Result<Box<dyn BlockChannel>>;
    /// Takes the right to use the disk, against all other processes. Called when the machine gains the right to run,
    /// not at open, so that a migration can hand the lock over. Taking it twice is taking it once.
    ///
    /// # Errors
    /// Another process uses the disk, or the host cannot lock it.
    fn lock(&self) -> Result<(), DiskError>;
    /// Gives the right up.
    ///
    /// # Errors
    /// The host cannot unlock.
    fn unlock(&self) -> Result<(), DiskError>;
}

/// One queue's way to a disk.
///
/// The caller has checked that an operation lies inside the disk and that a writable disk is written. All calls between
/// two of [`BlockChannel::leave`] lend the same worker. Guest memory that an operation was given is the host's until it
/// completes, or until the worker ends, which waits for that.
pub trait BlockChannel: Send {
    /// Takes an operation. A pending one is named by `token` when it completes; the handler gets a turn then.
    fn submit(&mut self, worker: &mut WorkerContext, token: u64, operation: Operation) -> Submission;
    /// The next operation that has completed since it was pending.
    fn next_completion(&mut self, worker: &mut WorkerContext) -> Option<(u64, io::Result<()>)> {
        let _ = worker;
        None
    }
    /// Blocks until there is a completion, or `deadline`.
    fn wait(&mut self, worker: &mut WorkerContext, deadline: Instant) {
        let _ = (worker, deadline);
    }
    /// Nothing is pending, and the next call may lend another worker.
    fn leave(&mut self, worker: &mut WorkerContext) {
        let _ = worker;
    }
}

/// What a disk can be asked for. Offsets are in bytes; lengths are the buffers'.
pub enum Operation {
    /// Fills `into` with the bytes from `offset` on.
    Read {
        /// First byte of the disk.
        offset: u64,
        /// Where they go.
        into: Sink,
    },
    /// Stores `from` at `offset`.
    Write {
        /// First byte of the disk.
        offset: u64,
        /// What is stored.
        from: Source,
        /// It survives a power failure once it has completed, without a flush.
        stable: bool,
    },
    /// Makes everything whose write has completed survive a power failure.
    Flush,
    /// What is there is no longer needed: reads of it may give anything. Where the host cannot free it, it stays.
    Discard {
        /// First byte of the disk.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// Reads give zeros from now on.
    WriteZeroes {
        /// First byte of the disk.
        offset: u64,
        /// Bytes.
        length: u64,
        /// The host may free the place, so that a later write may find none.
        unmap: bool,
    },
}

/// What became of a submitted operation.
#[derive(Debug)]
pub enum Submission {
    /// It is done; nothing else will be said about it.
    Complete(io::Result<()>),
    /// It completes later, under its token.
    Pending,
}

/// Why a disk cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// Neither a regular file nor a block device.
    #[error("Disk {disk} is {found}: it must be a regular file or a block device")]
    NotADisk {
        /// Which disk.
        disk: DeviceId,
        /// What it is instead.
        found: &'static str,
    },
    /// The descriptor does not allow what the configuration asks for.
    #[error("Disk {0} is not opened for writing: open it read-write, or configure it read-only")]
    NotWritable(DeviceId),
    /// The descriptor does not allow reading.
    #[error("Disk {0} is not opened for reading")]
    NotReadable(DeviceId),
    /// The size does not fit the 512-byte sectors of the guest.
    #[error("Disk {disk} has {size} bytes, which is not a multiple of 512: extend it to {next} bytes")]
    OddSize {
        /// Which disk.
        disk: DeviceId,
        /// Its size in bytes.
        size: u64,
        /// The next size that fits.
        next: u64,
    },
    /// The host's filesystem has no O_DIRECT.
    #[error("Disk {disk} cannot be used past the host's page cache: choose the cache mode writeback or writethrough")]
    NotDirect {
        /// Which disk.
        disk: DeviceId,
        /// What the host said.
        #[source]
        source: io::Error,
    },
    /// O_DIRECT takes nothing smaller than the host's blocks.
    #[error(
        "Disk {disk} can be used past the host's page cache only in blocks of {block} bytes: give it this logical block \
         size, or choose the cache mode writeback or writethrough"
    )]
    DirectBlock {
        /// Which disk.
        disk: DeviceId,
        /// The least block size in bytes.
        block: usize,
    },
    /// Somebody else has the lock.
    #[error(
        "Disk {0} is in use by another process, or by another disk of this one: a disk that is written can be used once"
    )]
    InUse(DeviceId),
    /// The host failed a call.
    #[error("Cannot {action} disk {disk}")]
    Host {
        /// What was tried.
        action: &'static str,
        /// Which disk.
        disk: DeviceId,
        /// What the host said.
        #[source]
        source: io::Error,
    },
}
