//! What the guest agent answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::ListMeta;
use crate::api::vmi::GuestOsInfo;

/// `guestosinfo`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestAgentInfo {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub guest_agent_version: Option<String>,
    pub supported_commands: Option<Vec<GuestAgentCommand>>,
    pub hostname: Option<String>,
    pub os: Option<GuestOsInfo>,
    pub timezone: Option<String>,
    pub user_list: Option<Vec<GuestUser>>,
    pub fs_info: Option<FileSystemInfo>,
    pub fs_freeze_status: Option<String>,
}

/// A command that the agent knows.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestAgentCommand {
    pub name: String,
    pub enabled: Option<bool>,
}

/// `userlist`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestUserList {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: Option<ListMeta>,
    pub items: Vec<GuestUser>,
}

/// Someone who is logged in.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestUser {
    pub user_name: String,
    pub domain: Option<String>,
    pub login_time: Option<f64>,
}

/// File systems as part of `guestosinfo`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FileSystemInfo {
    pub disks: Vec<FileSystem>,
}

/// `filesystemlist`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FileSystemList {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: Option<ListMeta>,
    pub items: Vec<FileSystem>,
}

/// A mounted file system.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FileSystem {
    pub disk_name: String,
    pub mount_point: String,
    pub file_system_type: String,
    pub used_bytes: i64,
    pub total_bytes: i64,
    pub disk: Option<Vec<FileSystemDisk>>,
}

/// A disk below it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FileSystemDisk {
    pub serial: Option<String>,
    pub bus_type: String,
}
