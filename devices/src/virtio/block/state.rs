//! What a block device remembers besides its queues.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// A block device's own state. What its driver negotiated and where its queues stand is the transport's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockState {
    /// The capacity that the driver read, in 512-byte sectors.
    pub sectors: u64,
    /// The features that were offered.
    pub features: u64,
}

impl DeviceState for BlockState {
    const KIND: &'static str = "virtio-block";
    const VERSION: u16 = 1;
}
