//! The guest's machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Clock, Cpu, Devices, Features, Firmware, LaunchSecurity, Memory, ResourceRequirements};

/// The machine as the guest sees it, and the resources for it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DomainSpec {
    pub resources: Option<ResourceRequirements>,
    pub cpu: Option<Cpu>,
    pub memory: Option<Memory>,
    pub machine: Option<Machine>,
    pub firmware: Option<Firmware>,
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub clock: Option<Clock>,
    pub features: Option<Features>,
    pub devices: Devices,
    pub io_threads_policy: Option<String>,
    pub io_threads: Option<IoThreads>,
    pub chassis: Option<Chassis>,
    pub launch_security: Option<LaunchSecurity>,
    #[schemars(extend("enum" = ["Reboot", "Terminate"]))]
    pub reboot_policy: Option<String>,
}

/// The board.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Machine {
    pub r#type: Option<String>,
}

/// What SMBIOS says of the chassis.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Chassis {
    pub manufacturer: Option<String>,
    pub version: Option<String>,
    pub serial: Option<String>,
    pub asset: Option<String>,
    pub sku: Option<String>,
}

/// The pool of threads for I/O.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct IoThreads {
    pub supplemental_pool_thread_count: Option<u32>,
}
