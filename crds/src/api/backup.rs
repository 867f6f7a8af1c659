//! `VirtualMachineBackup` and its tracker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{Duration, ObjectMeta, StandardCondition, Time, TypedLocalObjectReference};

/// The wish for a backup.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackup {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    #[schemars(extend("x-kubernetes-validations" = [{"message": "spec is immutable after creation", "rule": "self == oldSelf"}, {"message": "pvcName is required", "rule": "has(self.pvcName) && self.pvcName != \"\""}, {"message": "tokenSecretRef is required when mode is Pull", "rule": "!has(self.mode) || self.mode != 'Pull' || (has(self.tokenSecretRef) && self.tokenSecretRef != \"\")"}]))]
    pub spec: VirtualMachineBackupSpec,
    pub status: Option<VirtualMachineBackupStatus>,
}

/// Of what, and where to.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackupSpec {
    #[schemars(extend("x-kubernetes-validations" = [{"message": "apiGroup is required", "rule": "has(self.apiGroup)"}, {"message": "apiGroup must be kubevirt.io or backup.kubevirt.io", "rule": "!has(self.apiGroup) || self.apiGroup == 'kubevirt.io' || self.apiGroup == 'backup.kubevirt.io'"}, {"message": "kind must be VirtualMachine for kubevirt.io or VirtualMachineBackupTracker for backup.kubevirt.io", "rule": "!has(self.apiGroup) || (self.apiGroup == 'kubevirt.io' && self.kind == 'VirtualMachine') || (self.apiGroup == 'backup.kubevirt.io' && self.kind == 'VirtualMachineBackupTracker')"}, {"message": "name is required", "rule": "self.name != ''"}]))]
    pub source: TypedLocalObjectReference,
    #[schemars(extend("enum" = ["Push", "Pull"]))]
    pub mode: Option<String>,
    pub pvc_name: Option<String>,
    pub skip_quiesce: Option<bool>,
    pub force_full_backup: Option<bool>,
    pub token_secret_ref: Option<String>,
    pub ttl_duration: Option<Duration>,
}

/// How far the backup is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackupStatus {
    pub r#type: Option<String>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<StandardCondition>>,
    pub checkpoint_name: Option<String>,
    pub endpoint_cert: Option<String>,
    pub included_volumes: Option<Vec<BackupVolumeInfo>>,
    #[serde(rename = "exportUID")]
    pub export_uid: Option<String>,
}

/// The chain of backups of one machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackupTracker {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    #[schemars(extend("x-kubernetes-validations" = [{"message": "spec is immutable after creation", "rule": "self == oldSelf"}]))]
    pub spec: VirtualMachineBackupTrackerSpec,
    pub status: Option<VirtualMachineBackupTrackerStatus>,
}

/// Which machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackupTrackerSpec {
    #[schemars(extend("x-kubernetes-validations" = [{"message": "apiGroup must be kubevirt.io", "rule": "has(self.apiGroup) && self.apiGroup == 'kubevirt.io'"}, {"message": "kind must be VirtualMachine", "rule": "self.kind == 'VirtualMachine'"}, {"message": "name is required", "rule": "self.name != ''"}]))]
    pub source: TypedLocalObjectReference,
}

/// The last checkpoint.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineBackupTrackerStatus {
    pub latest_checkpoint: Option<BackupCheckpoint>,
    pub checkpoint_redefinition_required: Option<bool>,
}

/// A moment from which changes are known.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BackupCheckpoint {
    pub name: Option<String>,
    pub creation_time: Option<Time>,
    pub volumes: Option<Vec<BackupVolumeInfo>>,
}

/// A volume of a backup or a checkpoint.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BackupVolumeInfo {
    pub volume_name: String,
    pub data_endpoint: Option<String>,
    pub map_endpoint: Option<String>,
}
