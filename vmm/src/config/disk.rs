//! Disks and drives.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};

/// One disk or drive; its file or block device is the resource of the same id. A CD-ROM drive without a resource is
/// empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// What it is connected to.
    #[serde(default)]
    pub bus: DiskBus,
    /// What it is.
    #[serde(default)]
    pub kind: DiskKind,
    /// The guest cannot write.
    #[serde(default)]
    pub readonly: bool,
    /// The serial number that it tells: at most 20 bytes of ASCII (VIRTIO 1.2 5.2.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The disk sits behind a PCI Express root port of its own (q35, virtio).
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

impl DiskConfig {
    /// The guest cannot write: so it is configured, or it is a disc.
    pub fn is_readonly(&self) -> bool {
        self.readonly || self.kind == DiskKind::Cdrom
    }
}

/// What a disk is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskBus {
    /// It is a virtio block device.
    #[default]
    Virtio,
    /// It is a target of the machine's virtio SCSI device.
    Scsi,
    /// It is on a port of the SATA controller (q35).
    Sata,
}

/// What a disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// A disk.
    #[default]
    Disk,
    /// A drive whose disc can be changed while the machine runs, and is never written (sata, scsi).
    Cdrom,
    /// A disk that is asked for as a SCSI logical unit (scsi). Commands are answered by the machine, not by the host's
    /// storage: there are no reservations.
    Lun,
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
