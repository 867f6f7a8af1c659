//! The virtio socket device.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The addresses that a guest can have (VIRTIO 1.2 5.10.4): those below mean the host, the last one anybody.
pub(super) const GUEST_CIDS: RangeInclusive<u32> = 3..=u32::MAX - 1;

/// The virtio socket device; the host's side is the resource of the same id ([`crate::Resource::Vsock`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VsockConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// The guest's address: 3 to 4294967294.
    pub cid: u32,
    /// The device sits behind a PCI Express root port of its own (q35).
    #[serde(default)]
    pub root_port: bool,
}

impl VsockConfig {
    /// A socket device about which nothing else is said.
    pub fn new(id: impl Into<DeviceId>, cid: u32) -> Self {
        Self { id: id.into(), cid, root_port: false }
    }
}
