//! The virtio balloon device, from its configuration.

use super::MachineError;
use super::virtio::Planned;
use crate::config::BalloonConfig;
use crate::memory::{RamPages, RamRegion};
use crate::snapshot::SavedMachine;
use devices::virtio::balloon::{self, BalloonPort, VirtioBalloon};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a balloon's page.
pub(crate) const BALLOON_PAGE: u64 = 4096;

/// A virtio balloon device to be.
pub(crate) struct Balloon {
    config: BalloonConfig,
    pub(crate) port: Arc<BalloonPort>,
}

impl Balloon {
    /// A balloon that is to have the size of `config`.
    pub(super) fn new(config: &BalloonConfig) -> Result<Self, MachineError> {
        let port = BalloonPort::new().map_err(MachineError::Balloon)?;
        port.set_target(u32::try_from(config.size / BALLOON_PAGE).unwrap_or(u32::MAX));
        Ok(Self { config: config.clone(), port: Arc::new(port) })
    }

    /// The device over the RAM `regions`, as `saved` has it or new.
    pub(super) fn device(&self, regions: &[Arc<RamRegion>], saved: &mut SavedMachine) -> Result<Planned, MachineError> {
        let BalloonConfig { id, size: _, deflate_on_oom, free_page_reporting, statistics_seconds, root_port } =
            &self.config;
        let interval = Duration::from_secs((*statistics_seconds).into());
        let config = balloon::BalloonConfig {
            id: id.clone(),
            deflate_on_oom: *deflate_on_oom,
            free_page_reporting: *free_page_reporting,
            statistics_interval: (!interval.is_zero()).then_some(interval),
        };
        let pages = Arc::new(RamPages::new(regions.to_vec()));
        let device = VirtioBalloon::new(config, pages, Arc::clone(&self.port), saved.take(id)?);
        Ok(Planned { device: Box::new(device), root_port: *root_port, rom: None })
    }
}
