//! What an entropy device is made from. It has no configuration space (VIRTIO 1.2 5.4.4).

use crate::id::DeviceId;

/// Configuration of an entropy device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RngConfig {
    /// The machine's name for it.
    pub id: DeviceId,
}
