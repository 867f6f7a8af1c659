//! `VirtualMachinePool`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{ScaleInStrategy, UpdateStrategy};
use crate::api::Condition;
use crate::api::kubernetes::{Duration, IntOrString, LabelSelector, ObjectMeta};
use crate::api::vm::VirtualMachineSpec;

/// A number of numbered machines.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachinePool {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachinePoolSpec,
    pub status: Option<VirtualMachinePoolStatus>,
}

/// How many, and from which template.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachinePoolSpec {
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    #[schemars(required)]
    pub selector: Option<LabelSelector>,
    #[schemars(required)]
    pub virtual_machine_template: Option<VirtualMachineTemplateSpec>,
    pub paused: Option<bool>,
    pub name_generation: Option<NameGeneration>,
    pub max_unavailable: Option<IntOrString>,
    pub scale_in_strategy: Option<ScaleInStrategy>,
    pub update_strategy: Option<UpdateStrategy>,
    pub autohealing: Option<AutohealingStrategy>,
}

/// What machines are made from.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineTemplateSpec {
    #[schemars(extend("nullable" = true), extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<VirtualMachineSpec>,
}

/// How many there are.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachinePoolStatus {
    pub replicas: Option<i32>,
    pub ready_replicas: Option<i32>,
    pub conditions: Option<Vec<Condition>>,
    pub label_selector: Option<String>,
}

/// What gets a machine's number.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NameGeneration {
    pub append_index_to_config_map_refs: Option<bool>,
    pub append_index_to_secret_refs: Option<bool>,
}

/// When a machine that fails is replaced.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AutohealingStrategy {
    #[schemars(range(min = 1))]
    pub start_up_failure_threshold: Option<u32>,
    pub min_failing_to_start_duration: Option<Duration>,
}
