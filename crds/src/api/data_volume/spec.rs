//! CDI's DataVolume, as far as machines embed it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::DataVolumeSource;
use crate::api::kubernetes::{
    LabelSelector, PersistentVolumeClaimSpec, TypedLocalObjectReference, TypedObjectReference,
    VolumeResourceRequirements,
};

/// Storage and what fills it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DataVolumeSpec {
    pub source: Option<DataVolumeSource>,
    pub source_ref: Option<DataVolumeSourceRef>,
    pub pvc: Option<PersistentVolumeClaimSpec>,
    pub storage: Option<StorageSpec>,
    pub priority_class_name: Option<String>,
    #[schemars(extend("enum" = ["kubevirt", "archive"]))]
    pub content_type: Option<String>,
    pub checkpoints: Option<Vec<DataVolumeCheckpoint>>,
    pub final_checkpoint: Option<bool>,
    pub preallocation: Option<bool>,
}

/// Storage where CDI may choose.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StorageSpec {
    pub access_modes: Option<Vec<String>>,
    pub selector: Option<LabelSelector>,
    pub resources: Option<VolumeResourceRequirements>,
    pub volume_name: Option<String>,
    pub storage_class_name: Option<String>,
    pub volume_mode: Option<String>,
    pub data_source: Option<TypedLocalObjectReference>,
    pub data_source_ref: Option<TypedObjectReference>,
}

/// One stage of an import in stages.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DataVolumeCheckpoint {
    pub previous: String,
    pub current: String,
}

/// A source that another object names.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DataVolumeSourceRef {
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
}
