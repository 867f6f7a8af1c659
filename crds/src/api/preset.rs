//! `VirtualMachineInstancePreset`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{LabelSelector, ObjectMeta};
use crate::api::vmi::DomainSpec;

/// Settings that are merged into instances with matching labels.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstancePreset {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: Option<VirtualMachineInstancePresetSpec>,
}

/// The settings and the labels.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstancePresetSpec {
    pub selector: LabelSelector,
    pub domain: Option<DomainSpec>,
}
