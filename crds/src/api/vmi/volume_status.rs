//! Volumes as they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{Quantity, Time};

/// A volume's target, phase and size.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeStatus {
    pub name: String,
    pub target: String,
    pub phase: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub persistent_volume_claim_info: Option<PersistentVolumeClaimInfo>,
    pub hotplug_volume: Option<HotplugVolumeStatus>,
    pub size: Option<i64>,
    pub memory_dump_volume: Option<DomainMemoryDumpInfo>,
    pub container_disk_volume: Option<ContainerDiskInfo>,
}

/// The claim behind a volume.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PersistentVolumeClaimInfo {
    pub claim_name: Option<String>,
    pub access_modes: Option<Vec<String>>,
    pub volume_mode: Option<String>,
    pub capacity: Option<BTreeMap<String, Quantity>>,
    pub requests: Option<BTreeMap<String, Quantity>>,
    pub preallocated: Option<bool>,
    #[schemars(regex(pattern = r"^(0(?:\.\d{1,3})?|1)$"))]
    pub filesystem_overhead: Option<String>,
}

/// A memory dump as it went.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DomainMemoryDumpInfo {
    pub start_timestamp: Option<Time>,
    pub end_timestamp: Option<Time>,
    pub claim_name: Option<String>,
    pub target_file_name: Option<String>,
}

/// The pod that attaches a volume.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HotplugVolumeStatus {
    pub attach_pod_name: Option<String>,
    #[serde(rename = "attachPodUID")]
    pub attach_pod_uid: Option<String>,
}

/// The checksum of a container disk.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ContainerDiskInfo {
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    pub checksum: Option<i64>,
}

/// A volume that moved, from and to.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StorageMigratedVolumeInfo {
    pub volume_name: String,
    #[serde(rename = "sourcePVCInfo")]
    pub source_pvc_info: Option<PersistentVolumeClaimInfo>,
    #[serde(rename = "destinationPVCInfo")]
    pub destination_pvc_info: Option<PersistentVolumeClaimInfo>,
}
