//! `VirtualMachineInstanceMigration`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::{PhaseTransitionTimestamp, VirtualMachineInstanceMigrationState};

/// The wish to move an instance to another node.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceMigration {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineInstanceMigrationSpec,
    pub status: Option<VirtualMachineInstanceMigrationStatus>,
}

/// Which instance, and how.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceMigrationSpec {
    pub vmi_name: Option<String>,
    pub added_node_selector: Option<BTreeMap<String, String>>,
    pub send_to: Option<MigrationSource>,
    pub receive: Option<MigrationTarget>,
    pub priority: Option<String>,
}

/// Sending to another cluster.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationSource {
    #[serde(rename = "migrationID")]
    pub migration_id: String,
    #[serde(rename = "connectURL")]
    pub connect_url: String,
}

/// Receiving from another cluster.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationTarget {
    #[serde(rename = "migrationID")]
    pub migration_id: String,
}

/// How far the migration is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceMigrationStatus {
    pub phase: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub phase_transition_timestamps: Option<Vec<PhaseTransitionTimestamp>>,
    pub migration_state: Option<VirtualMachineInstanceMigrationState>,
    pub synchronization_addresses: Option<Vec<String>>,
}
