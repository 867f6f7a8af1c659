//! `VirtualMachineClone`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::{ObjectMeta, Time, TypedLocalObjectReference};

/// The wish for a copy of a machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineClone {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineCloneSpec,
    pub status: Option<VirtualMachineCloneStatus>,
}

/// Of what, and what differs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineCloneSpec {
    #[schemars(required)]
    pub source: Option<TypedLocalObjectReference>,
    pub target: Option<TypedLocalObjectReference>,
    pub annotation_filters: Option<Vec<String>>,
    pub label_filters: Option<Vec<String>>,
    pub template: Option<TemplateFilters>,
    pub new_mac_addresses: Option<BTreeMap<String, String>>,
    #[serde(rename = "newSMBiosSerial")]
    pub new_sm_bios_serial: Option<String>,
    pub patches: Option<Vec<String>>,
    #[schemars(extend("enum" = ["RandomizeNames", "PrefixTargetName"]))]
    pub volume_name_policy: Option<String>,
}

/// Labels and annotations of the template that are taken over.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TemplateFilters {
    pub annotation_filters: Option<Vec<String>>,
    pub label_filters: Option<Vec<String>>,
}

/// How far the clone is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineCloneStatus {
    #[schemars(extend("nullable" = true))]
    pub creation_time: Option<Time>,
    pub phase: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    #[schemars(extend("nullable" = true))]
    pub snapshot_name: Option<String>,
    #[schemars(extend("nullable" = true))]
    pub restore_name: Option<String>,
    #[schemars(extend("nullable" = true))]
    pub target_name: Option<String>,
}
