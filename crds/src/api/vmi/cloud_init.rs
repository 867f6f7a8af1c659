//! Volumes for cloud-init.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::LocalObjectReference;

/// The NoCloud data source.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CloudInitNoCloudSource {
    pub secret_ref: Option<LocalObjectReference>,
    pub user_data_base64: Option<String>,
    pub user_data: Option<String>,
    pub network_data_secret_ref: Option<LocalObjectReference>,
    pub network_data_base64: Option<String>,
    pub network_data: Option<String>,
}

/// The ConfigDrive data source.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CloudInitConfigDriveSource {
    pub secret_ref: Option<LocalObjectReference>,
    pub user_data_base64: Option<String>,
    pub user_data: Option<String>,
    pub network_data_secret_ref: Option<LocalObjectReference>,
    pub network_data_base64: Option<String>,
    pub network_data: Option<String>,
}
