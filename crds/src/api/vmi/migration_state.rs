//! A migration as the instance sees it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{Quantity, Time};
use crate::api::kubevirt::MigrationConfigurationUsed;

/// The last or current migration.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceMigrationState {
    #[schemars(extend("nullable" = true))]
    pub start_timestamp: Option<Time>,
    #[schemars(extend("nullable" = true))]
    pub end_timestamp: Option<Time>,
    pub target_node_domain_ready_timestamp: Option<Time>,
    pub target_node_domain_detected: Option<bool>,
    pub target_node_address: Option<String>,
    pub target_direct_migration_node_ports: Option<BTreeMap<String, i64>>,
    pub target_node: Option<String>,
    pub target_pod: Option<String>,
    #[serde(rename = "targetAttachmentPodUID")]
    pub target_attachment_pod_uid: Option<String>,
    pub source_node: Option<String>,
    pub source_pod: Option<String>,
    pub completed: Option<bool>,
    pub failed: Option<bool>,
    pub abort_requested: Option<bool>,
    pub abort_status: Option<String>,
    pub failure_reason: Option<String>,
    pub migration_uid: Option<String>,
    pub mode: Option<String>,
    pub migration_policy_name: Option<String>,
    pub migration_configuration: Option<MigrationConfigurationUsed>,
    #[serde(rename = "targetCPUSet")]
    pub target_cpu_set: Option<Vec<i64>>,
    pub target_node_topology: Option<String>,
    #[serde(rename = "sourcePersistentStatePVCName")]
    pub source_persistent_state_pvc_name: Option<String>,
    #[serde(rename = "targetPersistentStatePVCName")]
    pub target_persistent_state_pvc_name: Option<String>,
    pub source_state: Option<MigrationSourceState>,
    pub target_state: Option<MigrationTargetState>,
    pub migration_network_type: Option<String>,
    pub target_memory_overhead: Option<Quantity>,
}

/// The machine where it was.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationSourceState {
    pub node: Option<String>,
    pub pod: Option<String>,
    #[serde(rename = "migrationUID")]
    pub migration_uid: Option<String>,
    pub domain_name: Option<String>,
    pub domain_namespace: Option<String>,
    pub sync_address: Option<String>,
    #[serde(rename = "persistentStatePVCName")]
    pub persistent_state_pvc_name: Option<String>,
    pub selinux_context: Option<String>,
    #[serde(rename = "virtualMachineInstanceUID")]
    pub virtual_machine_instance_uid: Option<String>,
    pub node_selectors: Option<BTreeMap<String, String>>,
}

/// The machine where it goes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationTargetState {
    pub node: Option<String>,
    pub pod: Option<String>,
    #[serde(rename = "migrationUID")]
    pub migration_uid: Option<String>,
    pub domain_name: Option<String>,
    pub domain_namespace: Option<String>,
    pub sync_address: Option<String>,
    #[serde(rename = "persistentStatePVCName")]
    pub persistent_state_pvc_name: Option<String>,
    pub selinux_context: Option<String>,
    #[serde(rename = "virtualMachineInstanceUID")]
    pub virtual_machine_instance_uid: Option<String>,
    pub domain_ready_timestamp: Option<Time>,
    pub domain_detected: Option<bool>,
    pub node_address: Option<String>,
    pub direct_migration_node_ports: Option<BTreeMap<String, i64>>,
    #[serde(rename = "attachmentPodUID")]
    pub attachment_pod_uid: Option<String>,
    pub cpu_set: Option<Vec<i64>>,
    pub node_topology: Option<String>,
}
