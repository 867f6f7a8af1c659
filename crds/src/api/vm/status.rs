//! `VirtualMachine` status.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::VolumeRequest;
use crate::api::Condition;
use crate::api::kubernetes::Time;
use crate::api::vmi::{ChangedBlockTrackingStatus, StorageMigratedVolumeInfo};

/// What is known of the machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineStatus {
    pub snapshot_in_progress: Option<String>,
    pub restore_in_progress: Option<String>,
    pub created: Option<bool>,
    pub ready: Option<bool>,
    #[schemars(extend("default" = "Stopped"))]
    pub printable_status: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub state_change_requests: Option<Vec<StateChangeRequest>>,
    pub volume_requests: Option<Vec<VolumeRequest>>,
    pub volume_snapshot_statuses: Option<Vec<VolumeSnapshotSupport>>,
    #[schemars(extend("nullable" = true))]
    pub start_failure: Option<StartFailure>,
    #[schemars(extend("nullable" = true))]
    pub memory_dump_request: Option<MemoryDumpRequest>,
    pub observed_generation: Option<i64>,
    pub desired_generation: Option<i64>,
    pub run_strategy: Option<String>,
    pub volume_update_state: Option<VolumeUpdateState>,
    #[schemars(extend("nullable" = true))]
    pub changed_block_tracking: Option<ChangedBlockTrackingStatus>,
    #[schemars(extend("nullable" = true))]
    pub instancetype_ref: Option<InstancetypeStatusRef>,
    #[schemars(extend("nullable" = true))]
    pub preference_ref: Option<InstancetypeStatusRef>,
}

/// Starts that failed one after the other.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StartFailure {
    pub consecutive_fail_count: Option<i64>,
    #[serde(rename = "lastFailedVMIUID")]
    pub last_failed_vmiuid: Option<String>,
    pub retry_after_timestamp: Option<Time>,
}

/// A start or stop that was asked for.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StateChangeRequest {
    pub action: String,
    pub data: Option<BTreeMap<String, String>>,
    pub uid: Option<String>,
}

/// Whether a volume can be snapshotted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeSnapshotSupport {
    pub name: String,
    pub enabled: bool,
    pub reason: Option<String>,
}

/// A change of volumes under way.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeUpdateState {
    pub volume_migration_state: Option<VolumeMigrationState>,
}

/// Volumes that move.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeMigrationState {
    pub migrated_volumes: Option<Vec<StorageMigratedVolumeInfo>>,
}

/// The instance type or preference in use.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InstancetypeStatusRef {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub controller_revision_ref: Option<ControllerRevisionRef>,
    pub infer_from_volume: Option<String>,
    pub infer_from_volume_failure_policy: Option<String>,
}

/// The revision that holds its content.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ControllerRevisionRef {
    pub name: Option<String>,
}

/// A memory dump that was asked for.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MemoryDumpRequest {
    pub claim_name: String,
    pub phase: String,
    pub remove: Option<bool>,
    pub start_timestamp: Option<Time>,
    pub end_timestamp: Option<Time>,
    pub file_name: Option<String>,
    pub message: Option<String>,
}
