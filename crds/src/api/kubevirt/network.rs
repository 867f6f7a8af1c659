//! Network settings.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::ContainerResources;

/// Default bindings and plugins.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NetworkConfiguration {
    pub default_network_interface: Option<String>,
    pub permit_slirp_interface: Option<bool>,
    pub permit_bridge_interface_on_pod_network: Option<bool>,
    pub binding: Option<BTreeMap<String, InterfaceBindingPlugin>>,
}

/// A plugin that binds interfaces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InterfaceBindingPlugin {
    pub sidecar_image: Option<String>,
    pub network_attachment_definition: Option<String>,
    pub domain_attachment_type: Option<String>,
    pub migration: Option<InterfaceBindingMigration>,
    #[serde(rename = "downwardAPI")]
    pub downward_api: Option<String>,
    pub compute_resource_overhead: Option<ContainerResources>,
}

/// Whether a plugin's interfaces can move.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InterfaceBindingMigration {
    pub method: Option<String>,
}
