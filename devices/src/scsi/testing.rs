//! Units of tests.

use super::UnitConfig;
use crate::backend::block::testing::port;
use crate::backend::block::{BlockBackend, DiskPort, RemovableDisk};
use std::sync::Arc;

/// A disk.
pub(crate) fn disk_unit(id: &str, disk: Arc<dyn BlockBackend>) -> UnitConfig {
    disk_unit_behind(id, port(disk))
}

/// A disk behind a port.
pub(crate) fn disk_unit_behind(id: &str, port: Arc<DiskPort>) -> UnitConfig {
    UnitConfig { id: id.into(), serial: Some("S-1".into()), port, media: None, cached: true, discard: true }
}

/// A drive.
pub(crate) fn drive_unit(id: &str, media: &Arc<RemovableDisk>) -> UnitConfig {
    let slot = Arc::clone(media);
    UnitConfig { media: Some(Arc::clone(media)), ..disk_unit(id, slot) }
}
