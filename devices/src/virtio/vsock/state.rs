//! What a vsock device remembers besides its queues: nothing. Connections do not survive a restore, which the driver is
//! told (VIRTIO 1.2 5.10.6.6).

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// A vsock device's own state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VsockState {}

impl DeviceState for VsockState {
    const KIND: &'static str = "virtio-vsock";
    const VERSION: u16 = 1;
}
