//! `VirtualMachineRestore`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::{ObjectMeta, Time, TypedLocalObjectReference};

/// The wish to return to a snapshot.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineRestore {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineRestoreSpec,
    pub status: Option<VirtualMachineRestoreStatus>,
}

/// Which machine, which snapshot.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineRestoreSpec {
    pub target: TypedLocalObjectReference,
    pub virtual_machine_snapshot_name: String,
    #[schemars(extend("default" = "WaitGracePeriod"), extend("enum" = ["StopTarget", "WaitGracePeriod", "FailImmediate", "WaitEventually"]))]
    pub target_readiness_policy: Option<String>,
    pub volume_restore_policy: Option<String>,
    pub volume_ownership_policy: Option<String>,
    pub volume_restore_overrides: Option<Vec<VolumeRestoreOverride>>,
    pub patches: Option<Vec<String>>,
}

/// How far the restore is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineRestoreStatus {
    pub restores: Option<Vec<VolumeRestore>>,
    pub restore_time: Option<Time>,
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub deleted_data_volumes: Option<Vec<String>>,
    pub complete: Option<bool>,
    pub conditions: Option<Vec<Condition>>,
}

/// A volume that was restored.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeRestore {
    pub volume_name: String,
    pub persistent_volume_claim: String,
    pub volume_snapshot_name: String,
    pub data_volume_name: Option<String>,
}

/// How one volume is restored otherwise.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeRestoreOverride {
    pub volume_name: Option<String>,
    pub restore_name: Option<String>,
    pub labels: Option<BTreeMap<String, String>>,
    pub annotations: Option<BTreeMap<String, String>>,
}
