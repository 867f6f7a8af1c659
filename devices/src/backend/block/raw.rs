//! A raw disk: a regular file or a block device.

use super::{BlockBackend, DiskError};
use crate::id::DeviceId;
use std::fs::File;

/// The bytes of a file or block device, as they are.
#[derive(Debug)]
pub struct RawDisk {
    id: DeviceId,
    file: File,
    capacity: u64,
    readonly: bool,
}

impl RawDisk {
    /// Examines `file`, which stays unlocked until [`BlockBackend::lock`].
    ///
    /// # Errors
    /// It is neither a file nor a block device, its size does not fit, or it is not opened as needed.
    pub fn new(id: DeviceId, file: File, readonly: bool) -> Result<Self, DiskError> {
        let _ = (id, file, readonly);
        todo!()
    }
}

impl BlockBackend for RawDisk {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn readonly(&self) -> bool {
        self.readonly
    }

    fn lock(&self) -> Result<(), DiskError> {
        let _ = (&self.file, &self.id);
        todo!()
    }

    fn unlock(&self) -> Result<(), DiskError> {
        todo!()
    }
}
