//! What a block device remembers besides its queues.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What a driver has been told of the disk: it must still be so after a restore. What the driver negotiated and where
/// the queues stand is the transport's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockState {
    /// Capacity in 512-byte sectors.
    pub sectors: u64,
    /// The guest cannot write.
    pub readonly: bool,
}

impl DeviceState for BlockState {
    const KIND: &'static str = "virtio-block";
    const VERSION: u16 = 1;
}
