//! What is on a port: a disk or a drive.

use super::ata::AtaDisk;
use super::port::Connected;
use crate::backend::block::DiskPort;
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

    /// The host's end of it, and which of its media that is.
    pub(super) fn port(&self) -> (u64, &Arc<DiskPort>) {
        match self {
            Self::Disk(disk) => (0, &disk.port),
            Self::Drive(unit, _) => (unit.generation(), unit.port()),
        }
    }
}
