//! What a network device remembers besides its queues.

use super::mac::MacAddress;
use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What a driver has been told of the network: it must still be so after a restore. Frames on their way are lost, as
/// they may be on any wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetState {
    /// The driver's address.
    pub mac: MacAddress,
    /// The largest packet that the driver was told of.
    pub mtu: Option<u16>,
    /// The cable is plugged in.
    pub link_up: bool,
}

impl DeviceState for NetState {
    const KIND: &'static str = "virtio-net";
    const VERSION: u16 = 1;
}
