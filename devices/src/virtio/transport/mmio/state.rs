//! The saved form of the transport.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// Everything that the driver wrote and where the queues stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MmioState {}

impl DeviceState for MmioState {
    const KIND: &'static str = "virtio-mmio";
    const VERSION: u16 = 1;
}
