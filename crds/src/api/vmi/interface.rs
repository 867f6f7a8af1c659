//! Network interfaces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;

/// A network interface of the guest and how it is bound to its network.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Interface {
    pub name: String,
    pub model: Option<String>,
    pub bridge: Option<Empty>,
    pub slirp: Option<Empty>,
    pub masquerade: Option<Empty>,
    pub sriov: Option<Empty>,
    pub macvtap: Option<Empty>,
    pub passt: Option<Empty>,
    pub passt_binding: Option<Empty>,
    pub binding: Option<PluginBinding>,
    pub ports: Option<Vec<Port>>,
    pub port_ranges: Option<Vec<PortRange>>,
    pub mac_address: Option<String>,
    pub boot_order: Option<u64>,
    pub pci_address: Option<String>,
    pub dhcp_options: Option<DhcpOptions>,
    pub tag: Option<String>,
    pub acpi_index: Option<i64>,
    pub state: Option<String>,
}

/// A binding that a plugin provides.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PluginBinding {
    pub name: String,
}

/// A port that is forwarded.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Port {
    pub name: Option<String>,
    pub protocol: Option<String>,
    pub port: i32,
}

/// Ports that are forwarded, first and last included.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PortRange {
    pub protocol: String,
    pub start: i32,
    pub end: i32,
}

/// What the DHCP server answers beside the address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DhcpOptions {
    pub boot_file_name: Option<String>,
    pub tftp_server_name: Option<String>,
    pub ntp_servers: Option<Vec<String>>,
    pub private_options: Option<Vec<DhcpPrivateOption>>,
}

/// An option of the site's own, 224 to 254.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DhcpPrivateOption {
    pub option: i64,
    pub value: String,
}
