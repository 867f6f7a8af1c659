//! `KubeVirt` status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;

/// What is installed now.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeVirtStatus {
    pub phase: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub operator_version: Option<String>,
    pub target_kube_virt_registry: Option<String>,
    pub target_kube_virt_version: Option<String>,
    pub target_deployment_config: Option<String>,
    #[serde(rename = "targetDeploymentID")]
    pub target_deployment_id: Option<String>,
    pub observed_kube_virt_registry: Option<String>,
    pub observed_kube_virt_version: Option<String>,
    pub observed_deployment_config: Option<String>,
    #[serde(rename = "observedDeploymentID")]
    pub observed_deployment_id: Option<String>,
    pub outdated_virtual_machine_instance_workloads: Option<i64>,
    pub observed_generation: Option<i64>,
    pub default_architecture: Option<String>,
    pub generations: Option<Vec<GenerationStatus>>,
    pub synchronization_addresses: Option<Vec<String>>,
}

/// The generation of an installed object.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GenerationStatus {
    pub group: String,
    pub resource: String,
    pub namespace: Option<String>,
    pub name: String,
    pub last_generation: i64,
    pub hash: Option<String>,
}
