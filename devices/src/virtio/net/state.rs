//! What a network device remembers besides its queues.

use super::mac::MacAddress;
use super::session::DriverChoices;
use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What a driver has been told of the network: it must still be so after a restore. Frames on their way are lost, as
/// they may be on any wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetState {
    /// The address that the device was given.
    pub mac: MacAddress,
    /// The largest packet that the driver was told of.
    pub mtu: Option<u16>,
    /// The cable is plugged in.
    pub link_up: bool,
    /// What the driver set.
    pub choices: DriverChoices,
}

impl DeviceState for NetState {
    const KIND: &'static str = "virtio-net";
    const VERSION: u16 = 2;
}
