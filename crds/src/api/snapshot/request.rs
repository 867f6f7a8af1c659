//! `VirtualMachineSnapshot`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::{Duration, ObjectMeta, Time, TypedLocalObjectReference};

/// The wish for a machine's state at one moment.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshot {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineSnapshotSpec,
    pub status: Option<VirtualMachineSnapshotStatus>,
}

/// Of what, and how long it may take.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshotSpec {
    pub source: TypedLocalObjectReference,
    pub deletion_policy: Option<String>,
    pub failure_deadline: Option<Duration>,
}

/// How far the snapshot is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSnapshotStatus {
    #[serde(rename = "sourceUID")]
    pub source_uid: Option<String>,
    pub virtual_machine_snapshot_content_name: Option<String>,
    #[schemars(extend("nullable" = true))]
    pub creation_time: Option<Time>,
    pub phase: Option<String>,
    pub ready_to_use: Option<bool>,
    pub error: Option<SnapshotError>,
    pub conditions: Option<Vec<Condition>>,
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub indications: Option<Vec<String>>,
    pub source_indications: Option<Vec<SourceIndication>>,
    pub snapshot_volumes: Option<SnapshotVolumes>,
}

/// Something to know about the snapshot.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SourceIndication {
    pub indication: String,
    pub message: String,
}

/// Volumes that are part of it and volumes that are not.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SnapshotVolumes {
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub included_volumes: Option<Vec<String>>,
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub excluded_volumes: Option<Vec<String>>,
}

/// What went wrong last.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SnapshotError {
    pub time: Option<Time>,
    pub message: Option<String>,
}
