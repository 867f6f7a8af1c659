//! `VirtualMachineExport`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Condition;
use crate::api::kubernetes::{Duration, ObjectMeta, Time, TypedLocalObjectReference};

/// The wish to download volumes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineExport {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineExportSpec,
    pub status: Option<VirtualMachineExportStatus>,
}

/// Of what, for how long, with which token.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineExportSpec {
    pub source: TypedLocalObjectReference,
    pub token_secret_ref: Option<String>,
    pub ttl_duration: Option<Duration>,
}

/// Where to download.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineExportStatus {
    pub phase: Option<String>,
    pub links: Option<ExportLinks>,
    pub token_secret_ref: Option<String>,
    pub ttl_expiration_time: Option<Time>,
    pub service_name: Option<String>,
    pub virtual_machine_name: Option<String>,
    pub conditions: Option<Vec<Condition>>,
}

/// From inside and outside of the cluster.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportLinks {
    pub internal: Option<ExportLink>,
    pub external: Option<ExportLink>,
}

/// What one address offers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportLink {
    pub cert: String,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["name"]))]
    pub volumes: Option<Vec<ExportVolume>>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["name"]))]
    pub backups: Option<Vec<ExportBackup>>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["type"]))]
    pub manifests: Option<Vec<ExportManifest>>,
}

/// A manifest to download.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportManifest {
    pub r#type: String,
    pub url: String,
}

/// A volume to download.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportVolume {
    pub name: String,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["format"]))]
    pub formats: Option<Vec<ExportFormat>>,
}

/// An address by format.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportFormat {
    pub format: String,
    pub url: String,
}

/// A backup to download.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportBackup {
    pub name: String,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["endpoint"]))]
    pub endpoints: Option<Vec<ExportEndpoint>>,
}

/// An address by what it gives.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExportEndpoint {
    pub endpoint: String,
    pub url: String,
}
