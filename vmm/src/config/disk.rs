//! virtio block devices.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};

/// One virtio block device; its file or block device is the resource of the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// The guest cannot write.
    #[serde(default)]
    pub readonly: bool,
    /// What GET_ID answers: at most 20 bytes of ASCII (VIRTIO 1.2 5.2.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The disk sits behind a PCI Express root port of its own (q35).
    #[serde(default)]
    pub root_port: bool,
    /// When firmware tries to start from this disk: devices with a number come first, the least before all, each number
    /// once; then the others, disks before networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_index: Option<u32>,
    /// What a failed request does.
    #[serde(default)]
    pub on_error: OnError,
}

/// What a disk does when the host fails a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnError {
    /// The guest gets VIRTIO_BLK_S_IOERR.
    #[default]
    Report,
}
