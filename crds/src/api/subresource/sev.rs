//! AMD SEV calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// `sev/fetchcertchain`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SevPlatformInfo {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub pdh: Option<String>,
    pub cert_chain: Option<String>,
}

/// `sev/querylaunchmeasurement`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SevMeasurementInfo {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub measurement: Option<String>,
    pub api_major: Option<u64>,
    pub api_minor: Option<u64>,
    #[serde(rename = "buildID")]
    pub build_id: Option<u64>,
    pub policy: Option<u64>,
    #[serde(rename = "loaderSHA")]
    pub loader_sha: Option<String>,
}

/// `sev/setupsession`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SevSessionOptions {
    pub session: Option<String>,
    pub dh_cert: Option<String>,
}

/// `sev/injectlaunchsecret`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SevSecretOptions {
    pub header: Option<String>,
    pub secret: Option<String>,
}
