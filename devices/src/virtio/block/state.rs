//! What a block device remembers besides its queues.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What a driver has been told of the disk, which must still be so after a restore, and what it has asked for. What it
/// negotiated and where the queues stand is the transport's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockState {
    /// Capacity in 512-byte sectors.
    pub sectors: u64,
    /// The guest cannot write.
    pub readonly: bool,
    /// The write cache is on, as far as the driver may say so.
    pub writeback: bool,
    /// Requests that the host failed and that are tried again when the machine goes on: queue, and the descriptor that
    /// each begins with.
    pub parked: Vec<(u16, Vec<u16>)>,
}

impl DeviceState for BlockState {
    const KIND: &'static str = "virtio-block";
    const VERSION: u16 = 2;
}
