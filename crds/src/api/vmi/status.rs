//! `VirtualMachineInstance` status.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    ChangedBlockTrackingStatus, Machine, StorageMigratedVolumeInfo, VirtualMachineInstanceMigrationState, VolumeStatus,
};
use crate::api::Condition;
use crate::api::kubernetes::{Quantity, Time};

/// What is known of the running machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceStatus {
    pub node_name: Option<String>,
    pub reason: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub phase: Option<String>,
    pub phase_transition_timestamps: Option<Vec<PhaseTransitionTimestamp>>,
    pub interfaces: Option<Vec<InterfaceStatus>>,
    #[serde(rename = "guestOSInfo")]
    pub guest_os_info: Option<GuestOsInfo>,
    pub migration_state: Option<VirtualMachineInstanceMigrationState>,
    pub migration_method: Option<String>,
    pub migration_transport: Option<String>,
    pub qos_class: Option<String>,
    pub launcher_container_image_version: Option<String>,
    pub evacuation_node_name: Option<String>,
    pub active_pods: Option<BTreeMap<String, String>>,
    pub volume_status: Option<Vec<VolumeStatus>>,
    pub kernel_boot_status: Option<KernelBootStatus>,
    pub fs_freeze_status: Option<String>,
    pub topology_hints: Option<TopologyHints>,
    pub virtual_machine_revision_name: Option<String>,
    pub runtime_user: Option<u64>,
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    #[serde(rename = "VSOCKCID")]
    pub vsockcid: Option<i64>,
    pub selinux_context: Option<String>,
    pub machine: Option<Machine>,
    #[serde(rename = "currentCPUTopology")]
    pub current_cpu_topology: Option<CpuTopology>,
    pub memory: Option<MemoryStatus>,
    pub migrated_volumes: Option<Vec<StorageMigratedVolumeInfo>>,
    #[schemars(extend("nullable" = true))]
    pub changed_block_tracking: Option<ChangedBlockTrackingStatus>,
}

/// When a phase was entered.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PhaseTransitionTimestamp {
    pub phase: Option<String>,
    pub phase_transition_timestamp: Option<Time>,
}

/// What the guest agent says of the system.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestOsInfo {
    pub name: Option<String>,
    pub kernel_release: Option<String>,
    pub version: Option<String>,
    pub pretty_name: Option<String>,
    pub version_id: Option<String>,
    pub kernel_version: Option<String>,
    pub machine: Option<String>,
    pub id: Option<String>,
}

/// An interface as it is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InterfaceStatus {
    pub ip_address: Option<String>,
    pub mac: Option<String>,
    pub name: Option<String>,
    pub ip_addresses: Option<Vec<String>>,
    pub pod_interface_name: Option<String>,
    pub interface_name: Option<String>,
    pub info_source: Option<String>,
    pub queue_count: Option<i32>,
    pub link_state: Option<String>,
}

/// Sockets, cores of each, threads of each.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CpuTopology {
    pub cores: Option<u32>,
    pub sockets: Option<u32>,
    pub threads: Option<u32>,
}

/// Memory at boot, now, and asked for.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MemoryStatus {
    pub guest_at_boot: Option<Quantity>,
    pub guest_current: Option<Quantity>,
    pub guest_requested: Option<Quantity>,
    pub memory_overhead: Option<Quantity>,
}

/// What the scheduler must know of the node's clock.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TopologyHints {
    pub tsc_frequency: Option<i64>,
}

/// Checksums of what was booted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KernelBootStatus {
    pub kernel_info: Option<BootFileInfo>,
    pub initrd_info: Option<BootFileInfo>,
}

/// The checksum of a boot file.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BootFileInfo {
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    pub checksum: Option<i64>,
}
