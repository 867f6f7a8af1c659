//! `VirtualMachineInstanceReplicaSet`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::{LabelSelector, ObjectMeta};
use crate::api::vmi::VirtualMachineInstanceTemplateSpec;

/// A number of equal instances.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceReplicaSet {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineInstanceReplicaSetSpec,
    #[schemars(extend("nullable" = true))]
    pub status: Option<VirtualMachineInstanceReplicaSetStatus>,
}

/// How many, and from which template.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceReplicaSetSpec {
    pub replicas: Option<i32>,
    #[schemars(required)]
    pub selector: Option<LabelSelector>,
    #[schemars(required)]
    pub template: Option<VirtualMachineInstanceTemplateSpec>,
    pub paused: Option<bool>,
}

/// How many there are.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceReplicaSetStatus {
    pub replicas: Option<i32>,
    pub ready_replicas: Option<i32>,
    pub conditions: Option<Vec<Condition>>,
    pub label_selector: Option<String>,
}
