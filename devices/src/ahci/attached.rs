//! What is on a port: a disk or a drive.

use super::ata::AtaDisk;
use super::port::Connected;
use crate::backend::block::BlockBackend;
use crate::id::DeviceId;
use crate::scsi::LogicalUnit;
use std::sync::Arc;

/// What a port is connected to.
pub(super) enum Device {
    Disk(AtaDisk),
    Drive(Box<LogicalUnit>, String),
}

impl Device {
    pub(super) fn id(&self) -> &DeviceId {
        match self {
            Self::Disk(disk) => &disk.id,
            Self::Drive(unit, _) => unit.id(),
        }
    }

    pub(super) fn connected(&self) -> Connected {
        match self {
            Self::Disk(_) => Connected::Disk,
            Self::Drive(..) => Connected::Drive,
        }
    }

    /// Where its data is, and which of its media that is.
    pub(super) fn backend(&self) -> (u64, Arc<dyn BlockBackend>) {
        match self {
            Self::Disk(disk) => (0, Arc::clone(&disk.backend)),
            Self::Drive(unit, _) => (unit.generation(), unit.backend()),
        }
    }
}
