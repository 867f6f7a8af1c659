//! `VirtualMachineSnapshotContent`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::SnapshotError;
use crate::api::kubernetes::{ObjectMeta, PersistentVolumeClaimSpec, Time};
use crate::api::vm::{VirtualMachineSpec, VirtualMachineStatus};

/// The snapshot itself.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshotContent {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineSnapshotContentSpec,
    pub status: Option<VirtualMachineSnapshotContentStatus>,
}

/// The machine and its volumes as they were.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshotContentSpec {
    pub virtual_machine_snapshot_name: Option<String>,
    pub source: SourceSpec,
    pub volume_backups: Option<Vec<VolumeBackup>>,
}

/// Whether the volumes are ready.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshotContentStatus {
    #[schemars(extend("nullable" = true))]
    pub creation_time: Option<Time>,
    pub ready_to_use: Option<bool>,
    pub error: Option<SnapshotError>,
    pub volume_snapshot_status: Option<Vec<VolumeSnapshotStatus>>,
}

/// What was snapshotted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SourceSpec {
    pub virtual_machine: Option<SnapshottedMachine>,
}

/// The machine as it was.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SnapshottedMachine {
    #[schemars(extend("nullable" = true), extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<VirtualMachineSpec>,
    pub status: Option<VirtualMachineStatus>,
}

/// A claim as it was.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SnapshottedClaim {
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<PersistentVolumeClaimSpec>,
}

/// A volume and its snapshot.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeBackup {
    pub volume_name: String,
    pub persistent_volume_claim: SnapshottedClaim,
    pub volume_snapshot_name: Option<String>,
}

/// A volume snapshot's state.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeSnapshotStatus {
    pub volume_snapshot_name: String,
    #[schemars(extend("nullable" = true))]
    pub creation_time: Option<Time>,
    pub ready_to_use: Option<bool>,
    pub error: Option<SnapshotError>,
}
