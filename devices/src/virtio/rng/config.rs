//! What an entropy device is made from. It has no configuration space (VIRTIO 1.2 5.4.4).

use crate::id::DeviceId;
use crate::rate_limit::RateLimit;

/// Configuration of an entropy device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RngConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// How much entropy the guest gets.
    pub limit: RateLimit,
}
