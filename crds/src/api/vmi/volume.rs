//! Volumes: where the content of disks comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    CloudInitConfigDriveSource, CloudInitNoCloudSource, ConfigMapVolumeSource, DownwardApiVolumeSource,
    SecretVolumeSource, ServiceAccountVolumeSource, SysprepSource,
};
use crate::api::Empty;
use crate::api::kubernetes::{ClaimVolumeSource, Quantity};

/// A named source; exactly one of the sources is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Volume {
    pub name: String,
    pub host_disk: Option<HostDisk>,
    pub persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
    pub cloud_init_no_cloud: Option<CloudInitNoCloudSource>,
    pub cloud_init_config_drive: Option<CloudInitConfigDriveSource>,
    pub sysprep: Option<SysprepSource>,
    pub container_disk: Option<ContainerDiskSource>,
    pub ephemeral: Option<EphemeralVolumeSource>,
    pub empty_disk: Option<EmptyDiskSource>,
    pub data_volume: Option<DataVolumeVolumeSource>,
    pub config_map: Option<ConfigMapVolumeSource>,
    pub secret: Option<SecretVolumeSource>,
    #[serde(rename = "downwardAPI")]
    pub downward_api: Option<DownwardApiVolumeSource>,
    pub service_account: Option<ServiceAccountVolumeSource>,
    pub downward_metrics: Option<Empty>,
    pub memory_dump: Option<MemoryDumpVolumeSource>,
    pub container_path: Option<ContainerPathVolumeSource>,
}

/// An image file of the node.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HostDisk {
    pub path: String,
    pub r#type: String,
    pub capacity: Option<Quantity>,
    pub shared: Option<bool>,
}

/// A claim, written to.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PersistentVolumeClaimVolumeSource {
    pub claim_name: String,
    pub read_only: Option<bool>,
    pub hotpluggable: Option<bool>,
}

/// A claim that CDI fills first.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DataVolumeVolumeSource {
    pub name: String,
    pub hotpluggable: Option<bool>,
}

/// A claim below a layer that is discarded.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct EphemeralVolumeSource {
    pub persistent_volume_claim: Option<ClaimVolumeSource>,
}

/// An empty disk that lives as long as the machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct EmptyDiskSource {
    pub capacity: Quantity,
}

/// An image file inside a container image.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ContainerDiskSource {
    pub image: String,
    pub image_pull_secret: Option<String>,
    pub path: Option<String>,
    pub image_pull_policy: Option<String>,
}

/// A directory of the launcher's container.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ContainerPathVolumeSource {
    #[schemars(length(max = 4096), extend("x-kubernetes-validations" = [{"message": "path must be absolute (start with '/')", "rule": "self.startsWith('/')"}, {"message": "path must not contain '..'", "rule": "!self.contains('..')"}]))]
    pub path: String,
    #[schemars(extend("default" = true), extend("x-kubernetes-validations" = [{"message": "readOnly must be true, write access is not supported", "rule": "self == true"}]))]
    pub read_only: Option<bool>,
}

/// A claim that receives a memory dump.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MemoryDumpVolumeSource {
    pub claim_name: String,
    pub read_only: Option<bool>,
    pub hotpluggable: Option<bool>,
}

/// A claim for the launcher, not for the guest.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UtilityVolume {
    pub name: String,
    pub claim_name: String,
    pub read_only: Option<bool>,
    pub r#type: Option<String>,
}

/// What can be plugged in while the machine runs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HotplugVolumeSource {
    pub persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
    pub data_volume: Option<DataVolumeVolumeSource>,
}
