//! The virtio balloon device.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};

/// The virtio balloon device, by which the guest's memory goes back to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalloonConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// Bytes that the guest is to do without from its start, whole pages of 4096. [`crate::VmHandle::set_balloon`]
    /// changes it.
    #[serde(default)]
    pub size: u64,
    /// The guest may take memory back by itself when it has no other left.
    #[serde(default = "yes")]
    pub deflate_on_oom: bool,
    /// The guest tells of memory that it does not use now, which then goes back to the host until it is used again.
    #[serde(default = "yes")]
    pub free_page_reporting: bool,
    /// The guest is asked for its statistics every so many seconds; 0: only when somebody wants them.
    #[serde(default)]
    pub statistics_seconds: u32,
    /// The device sits behind a PCI Express root port of its own (q35).
    #[serde(default)]
    pub root_port: bool,
}

impl BalloonConfig {
    /// A balloon without pages, about which nothing else is said.
    pub fn new(id: impl Into<DeviceId>) -> Self {
        Self {
            id: id.into(),
            size: 0,
            deflate_on_oom: yes(),
            free_page_reporting: yes(),
            statistics_seconds: 0,
            root_port: false,
        }
    }
}

fn yes() -> bool {
    true
}
