//! Disks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::FeatureState;

/// How a volume appears to the guest.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Disk {
    pub name: String,
    pub disk: Option<DiskTarget>,
    pub lun: Option<LunTarget>,
    pub cdrom: Option<CdromTarget>,
    pub boot_order: Option<u64>,
    pub serial: Option<String>,
    #[serde(rename = "dedicatedIOThread")]
    pub dedicated_io_thread: Option<bool>,
    pub cache: Option<String>,
    pub io: Option<String>,
    pub tag: Option<String>,
    pub block_size: Option<BlockSize>,
    pub shareable: Option<bool>,
    pub error_policy: Option<String>,
    pub changed_block_tracking: Option<bool>,
}

/// As a disk.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DiskTarget {
    pub bus: Option<String>,
    pub readonly: Option<bool>,
    pub pci_address: Option<String>,
}

/// As a SCSI device with its commands passed through.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LunTarget {
    pub bus: Option<String>,
    pub readonly: Option<bool>,
    pub reservation: Option<bool>,
}

/// As a CD-ROM drive.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CdromTarget {
    pub bus: Option<String>,
    pub readonly: Option<bool>,
    pub tray: Option<String>,
}

/// Block sizes that the guest sees.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BlockSize {
    pub custom: Option<CustomBlockSize>,
    pub match_volume: Option<FeatureState>,
}

/// Block sizes in bytes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CustomBlockSize {
    pub logical: Option<u64>,
    pub physical: Option<u64>,
    pub discard_granularity: Option<u64>,
}
