//! Finds a disk that is given twice, under whatever names.

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use thiserror::Error;
use vmm::DeviceId;

/// Why disks cannot stand beside each other.
#[derive(Debug, Error)]
pub(crate) enum SharedDiskError {
    #[error(
        "{first} and {second} are the same disk, and the guest may write to it; give it once, or readonly both times"
    )]
    Shared { first: DeviceId, second: DeviceId },
    #[error("What {0} is cannot be told")]
    Identity(DeviceId, #[source] Errno),
}

/// What makes two names one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    File { filesystem: u64, inode: u64 },
    Device { number: u64 },
}

struct Seen {
    first: DeviceId,
    writable: bool,
}

/// The disks so far.
#[derive(Default)]
pub(super) struct SharedDisks(BTreeMap<Identity, Seen>);

impl SharedDisks {
    /// Adds one disk.
    ///
    /// # Errors
    /// It is there already, and one of the two is writable. (Another process that writes is found by the lock that
    /// the machine takes when it starts.)
    pub(super) fn add(&mut self, id: &DeviceId, file: &File, writable: bool) -> Result<(), SharedDiskError> {
        let stat = fstat(file).map_err(|errno| SharedDiskError::Identity(id.clone(), errno))?;
        let identity = match FileType::from_raw_mode(stat.st_mode) {
            FileType::BlockDevice => Identity::Device { number: stat.st_rdev },
            _ => Identity::File { filesystem: stat.st_dev, inode: stat.st_ino },
        };
        let seen = self.0.entry(identity).or_insert_with(|| Seen { first: id.clone(), writable });
        if seen.first != *id && (seen.writable || writable) {
            return Err(SharedDiskError::Shared { first: seen.first.clone(), second: id.clone() });
        }
        Ok(())
    }
}
