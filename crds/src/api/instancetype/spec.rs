//! Instance types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{ObjectMeta, Quantity};
use crate::api::vmi::{Gpu, HostDevice, Hugepages, IoThreads, LaunchSecurity, Numa, Realtime};

/// Processors, memory and devices under a name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstancetype {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineInstancetypeSpec,
}

/// An instance type for all namespaces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineClusterInstancetype {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineInstancetypeSpec,
}

/// What machines of this type have.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstancetypeSpec {
    pub node_selector: Option<BTreeMap<String, String>>,
    pub scheduler_name: Option<String>,
    pub cpu: CpuInstancetype,
    pub memory: MemoryInstancetype,
    pub gpus: Option<Vec<Gpu>>,
    pub host_devices: Option<Vec<HostDevice>>,
    pub io_threads_policy: Option<String>,
    pub io_threads: Option<IoThreads>,
    pub launch_security: Option<LaunchSecurity>,
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Processors.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CpuInstancetype {
    pub guest: u32,
    pub model: Option<String>,
    #[serde(rename = "dedicatedCPUPlacement")]
    pub dedicated_cpu_placement: Option<bool>,
    pub numa: Option<Numa>,
    pub isolate_emulator_thread: Option<bool>,
    pub realtime: Option<Realtime>,
    pub max_sockets: Option<u32>,
}

/// Memory.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MemoryInstancetype {
    pub guest: Quantity,
    pub hugepages: Option<Hugepages>,
    #[schemars(range(min = 0, max = 100))]
    pub overcommit_percent: Option<i64>,
    pub max_guest: Option<Quantity>,
}
