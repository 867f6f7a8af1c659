//! Disks: the trait between block devices and whatever holds the data.

mod raw;

pub use raw::RawDisk;

use crate::id::DeviceId;
use std::io;
use thiserror::Error;

/// A disk. Shared by all queues of a device; each queue does its I/O through a channel of its own.
pub trait BlockBackend: Send + Sync {
    /// Size in bytes: a multiple of 512.
    fn capacity(&self) -> u64;
    /// No write will be accepted.
    fn readonly(&self) -> bool;
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
