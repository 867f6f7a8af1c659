//! What a balloon device remembers besides its queues.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What the driver knows, in pages of 4096 bytes. Which pages those are only the guest knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalloonState {
    /// How large the balloon is to be.
    pub target: u32,
    /// How large the driver says that it is.
    pub actual: u32,
}

impl DeviceState for BalloonState {
    const KIND: &'static str = "virtio-balloon";
    const VERSION: u16 = 1;
}
