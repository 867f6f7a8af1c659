//! Volumes to plug in and out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::vmi::{Disk, HotplugVolumeSource};

/// One of the two is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumeRequest {
    pub add_volume_options: Option<AddVolumeOptions>,
    pub remove_volume_options: Option<RemoveVolumeOptions>,
}

/// What to plug in; the body of `addvolume`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AddVolumeOptions {
    pub name: String,
    #[schemars(required)]
    pub disk: Option<Disk>,
    #[schemars(required)]
    pub volume_source: Option<HotplugVolumeSource>,
    pub dry_run: Option<Vec<String>>,
}

/// What to take out; the body of `removevolume`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RemoveVolumeOptions {
    pub name: String,
    pub dry_run: Option<Vec<String>>,
}
