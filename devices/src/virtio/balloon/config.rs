//! What a balloon device is made from.

use crate::id::DeviceId;
use std::time::Duration;

/// Configuration of a balloon device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalloonConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// The guest may take pages back by itself when it has no others left (VIRTIO_BALLOON_F_DEFLATE_ON_OOM).
    pub deflate_on_oom: bool,
    /// The guest tells of pages that it does not use (VIRTIO_BALLOON_F_PAGE_REPORTING).
    pub free_page_reporting: bool,
    /// How often the guest is asked for its statistics; `None`: only when somebody wants them.
    pub statistics_interval: Option<Duration>,
}
