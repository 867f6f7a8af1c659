//! Devices of the node that a guest gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::FeatureState;

/// A graphics processor or a slice of one.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Gpu {
    pub name: String,
    pub device_name: Option<String>,
    pub claim_name: Option<String>,
    pub request_name: Option<String>,
    #[serde(rename = "virtualGPUOptions")]
    pub virtual_gpu_options: Option<VirtualGpuOptions>,
    pub tag: Option<String>,
}

/// Any other device.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HostDevice {
    pub name: String,
    pub device_name: Option<String>,
    pub claim_name: Option<String>,
    pub request_name: Option<String>,
    pub tag: Option<String>,
}

/// A device of a resource claim.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClaimRequest {
    pub claim_name: Option<String>,
    pub request_name: Option<String>,
}

/// How a virtual GPU is shown.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualGpuOptions {
    pub display: Option<VirtualGpuDisplay>,
}

/// Whether a virtual GPU has a screen.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualGpuDisplay {
    pub enabled: Option<bool>,
    #[serde(rename = "ramFB")]
    pub ram_fb: Option<FeatureState>,
}
