//! Configuration by processor architecture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// The architectures and the default one.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ArchitecturesConfiguration {
    pub amd64: Option<ArchitectureConfiguration>,
    pub arm64: Option<ArchitectureConfiguration>,
    pub ppc64le: Option<ArchitectureConfiguration>,
    pub s390x: Option<ArchitectureConfiguration>,
    pub default_architecture: Option<String>,
}

/// Boards and firmware of one architecture.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ArchitectureConfiguration {
    pub ovmf_path: Option<String>,
    pub emulated_machines: Option<Vec<String>>,
    pub machine_type: Option<String>,
}
