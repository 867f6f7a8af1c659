//! `VirtualMachine` and its spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::VirtualMachineStatus;
use crate::api::Empty;
use crate::api::data_volume::DataVolumeSpec;
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::VirtualMachineInstanceTemplateSpec;

/// A machine that can be started and stopped, and the template of its instances.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachine {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineSpec,
    pub status: Option<VirtualMachineStatus>,
}

/// When to run, and what.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineSpec {
    pub running: Option<bool>,
    pub run_strategy: Option<String>,
    pub instancetype: Option<InstancetypeMatcher>,
    pub preference: Option<InstancetypeMatcher>,
    #[schemars(required)]
    pub template: Option<VirtualMachineInstanceTemplateSpec>,
    pub data_volume_templates: Option<Vec<DataVolumeTemplateSpec>>,
    pub update_volumes_strategy: Option<String>,
}

/// Which instance type, or which preference.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InstancetypeMatcher {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub revision_name: Option<String>,
    pub infer_from_volume: Option<String>,
    pub infer_from_volume_failure_policy: Option<String>,
}

/// A DataVolume that is made with the machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("nullable" = true))]
pub struct DataVolumeTemplateSpec {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    #[schemars(extend("nullable" = true), extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<ObjectMeta>,
    pub spec: DataVolumeSpec,
    #[schemars(extend("nullable" = true))]
    pub status: Option<Empty>,
}
