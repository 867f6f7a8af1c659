//! Disks: the trait between block devices and whatever holds the data.
//!
//! A [`BlockBackend`] is the disk; each virtio queue talks to it through a [`BlockChannel`] of its own. A channel may
//! complete an operation at once (pread and pwrite) or later (io_uring): the queue handles both, so that another backend
//! needs no change in the device.
//!
//! ```text
//!  submit ──▶ Submission::Complete(result)                                  at once
//!         └─▶ Submission::Pending ── start ── (completion readable) ── next_completion     later
//! ```

mod raw;

pub use raw::RawDisk;

use crate::id::DeviceId;
use crate::io::{Sink, Source};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;
use thiserror::Error;

/// A disk. Shared by all queues of a device; each queue does its I/O through a channel of its own.
pub trait BlockBackend: Send + Sync {
    /// Size in bytes: a multiple of 512.
    fn capacity(&self) -> u64;
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
/// The caller has checked that an operation lies inside the disk and that a writable disk is written. A channel that is
/// dropped waits until the host has let go of all guest memory it was given.
pub trait BlockChannel: Send {
    /// Takes an operation. A pending one is named by `token` when it completes.
    fn submit(&mut self, token: u64, operation: Operation) -> Submission;
    /// Tells the host of everything submitted, once for a batch.
    fn start(&mut self) {}
    /// The next operation that has completed since it was pending.
    fn next_completion(&mut self) -> Option<(u64, io::Result<()>)> {
        None
    }
    /// Becomes readable when [`BlockChannel::next_completion`] has something; `None`: nothing is ever pending.
    fn completion(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Blocks until there is a completion, or `deadline`.
    fn wait(&mut self, deadline: Instant) {
        let _ = deadline;
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
    },
    /// Makes everything whose write has completed survive a power failure.
    Flush,
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
