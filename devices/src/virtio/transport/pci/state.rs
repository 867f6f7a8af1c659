//! The saved form of the transport.

use crate::pci::{MsixState, PciConfigurationState};
use crate::state::DeviceState;
use crate::virtio::core::CoreState;
use serde::{Deserialize, Serialize};

/// Everything that the driver wrote, and where the queues stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PciTransportState {
    /// What all transports have.
    pub core: CoreState,
    /// device_feature_select.
    pub device_features_select: u32,
    /// driver_feature_select.
    pub driver_features_select: u32,
    /// queue_select.
    pub queue_select: u16,
    /// config_msix_vector.
    pub config_vector: u16,
    /// queue_msix_vector, by queue index.
    pub queue_vectors: Vec<u16>,
    /// The configuration space.
    pub configuration: PciConfigurationState,
    /// MSI-X: table, pending bits.
    pub messages: MsixState,
}

impl DeviceState for PciTransportState {
    const KIND: &'static str = "virtio-pci";
    const VERSION: u16 = 1;
}
