//! What a console device remembers besides its queues: what the driver and the device know of each other's ports.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// A console device's own state. Who is connected on the host is not part of it: the driver is told what is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleState {
    /// Columns and rows of the console.
    pub size: (u16, u16),
    /// The ports, in the order of their numbers.
    pub ports: Vec<PortState>,
}

/// One port's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortState {
    /// Its name; the console has none.
    pub name: Option<String>,
    /// Messages that the driver is to get.
    pub pending: u8,
    /// The driver has said that it is ready for the port.
    pub ready: bool,
    /// A program of the guest has the port open.
    pub guest_open: bool,
    /// What the driver knows: somebody is there on the host.
    pub told_open: bool,
    /// Bytes of the next buffer of the transmit queue that the host has taken already.
    pub taken: u32,
}

impl DeviceState for ConsoleState {
    const KIND: &'static str = "virtio-console";
    const VERSION: u16 = 1;
}
