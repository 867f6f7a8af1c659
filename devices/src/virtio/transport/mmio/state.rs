//! The saved form of the transport.

use crate::state::DeviceState;
use crate::virtio::core::CoreState;
use serde::{Deserialize, Serialize};

/// Everything that the driver wrote, and where the queues stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MmioState {
    /// What all transports have.
    pub core: CoreState,
    /// DeviceFeaturesSel.
    pub device_features_select: u32,
    /// DriverFeaturesSel.
    pub driver_features_select: u32,
    /// QueueSel.
    pub queue_select: u32,
}

impl DeviceState for MmioState {
    const KIND: &'static str = "virtio-mmio";
    const VERSION: u16 = 1;
}
