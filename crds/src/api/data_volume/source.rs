//! Where the content of a DataVolume comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;

/// The sources; exactly one is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DataVolumeSource {
    pub http: Option<HttpSource>,
    pub s3: Option<S3Source>,
    pub gcs: Option<GcsSource>,
    pub registry: Option<RegistrySource>,
    pub pvc: Option<PvcSource>,
    pub upload: Option<Empty>,
    pub blank: Option<Empty>,
    pub imageio: Option<ImageIoSource>,
    pub vddk: Option<VddkSource>,
    pub snapshot: Option<SnapshotSource>,
}

/// Another claim.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PvcSource {
    pub namespace: String,
    pub name: String,
}

/// A volume snapshot.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SnapshotSource {
    pub namespace: String,
    pub name: String,
}

/// An object in S3.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct S3Source {
    pub url: String,
    pub secret_ref: Option<String>,
    pub cert_config_map: Option<String>,
}

/// An object in Google's storage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GcsSource {
    pub url: String,
    pub secret_ref: Option<String>,
}

/// A container image.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RegistrySource {
    pub url: Option<String>,
    pub image_stream: Option<String>,
    pub pull_method: Option<String>,
    pub secret_ref: Option<String>,
    pub cert_config_map: Option<String>,
    pub platform: Option<PlatformOptions>,
}

/// Which image of a list of images.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PlatformOptions {
    pub architecture: Option<String>,
}

/// A web server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HttpSource {
    pub url: String,
    pub secret_ref: Option<String>,
    pub cert_config_map: Option<String>,
    pub extra_headers: Option<Vec<String>>,
    pub secret_extra_headers: Option<Vec<String>>,
}

/// An oVirt server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ImageIoSource {
    pub url: String,
    pub disk_id: String,
    pub secret_ref: Option<String>,
    pub cert_config_map: Option<String>,
    pub insecure_skip_verify: Option<bool>,
}

/// A VMware server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VddkSource {
    pub url: Option<String>,
    pub uuid: Option<String>,
    pub backing_file: Option<String>,
    pub thumbprint: Option<String>,
    pub secret_ref: Option<String>,
    #[serde(rename = "initImageURL")]
    pub init_image_url: Option<String>,
    pub extra_args: Option<String>,
}
