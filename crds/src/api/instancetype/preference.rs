//! Preferences.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::DevicePreferences;
use crate::api::kubernetes::{ObjectMeta, Quantity};
use crate::api::vmi::{
    ClockOffset, CpuFeature, Efi, FeatureApic, FeatureHyperv, FeatureKvm, FeatureState, LaunchSecurity, Timer,
};

/// What a guest likes, under a name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachinePreference {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachinePreferenceSpec,
}

/// A preference for all namespaces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineClusterPreference {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachinePreferenceSpec,
}

/// What is chosen where the machine leaves it open.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachinePreferenceSpec {
    pub clock: Option<ClockPreferences>,
    pub cpu: Option<CpuPreferences>,
    pub devices: Option<DevicePreferences>,
    pub features: Option<FeaturePreferences>,
    pub firmware: Option<FirmwarePreferences>,
    pub machine: Option<MachinePreferences>,
    pub volumes: Option<VolumePreferences>,
    pub preferred_subdomain: Option<String>,
    pub preferred_termination_grace_period_seconds: Option<i64>,
    pub requirements: Option<PreferenceRequirements>,
    pub annotations: Option<BTreeMap<String, String>>,
    pub prefer_spread_socket_to_core_ratio: Option<u32>,
    pub preferred_architecture: Option<String>,
    pub preferred_launch_security: Option<LaunchSecurity>,
}

/// Storage.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VolumePreferences {
    pub preferred_storage_class_name: Option<String>,
}

/// How processors are arranged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CpuPreferences {
    #[serde(rename = "preferredCPUTopology")]
    pub preferred_cpu_topology: Option<String>,
    pub spread_options: Option<SpreadOptions>,
    #[serde(rename = "preferredCPUFeatures")]
    pub preferred_cpu_features: Option<Vec<CpuFeature>>,
}

/// How processors are spread over sockets, cores and threads.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SpreadOptions {
    pub across: Option<String>,
    pub ratio: Option<u32>,
}

/// Hypervisor features.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeaturePreferences {
    pub preferred_acpi: Option<FeatureState>,
    pub preferred_apic: Option<FeatureApic>,
    pub preferred_hyperv: Option<FeatureHyperv>,
    pub preferred_kvm: Option<FeatureKvm>,
    pub preferred_pvspinlock: Option<FeatureState>,
    pub preferred_smm: Option<FeatureState>,
}

/// Firmware.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FirmwarePreferences {
    pub preferred_use_bios: Option<bool>,
    pub preferred_use_bios_serial: Option<bool>,
    pub preferred_use_efi: Option<bool>,
    pub preferred_use_secure_boot: Option<bool>,
    pub preferred_efi: Option<Efi>,
}

/// The board.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MachinePreferences {
    pub preferred_machine_type: Option<String>,
}

/// Clock and timers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClockPreferences {
    pub preferred_clock_offset: Option<ClockOffset>,
    pub preferred_timer: Option<Timer>,
}

/// What a machine must have at least.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PreferenceRequirements {
    pub cpu: Option<CpuRequirement>,
    pub memory: Option<MemoryRequirement>,
    pub architecture: Option<String>,
}

/// Processors at least.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CpuRequirement {
    pub guest: u32,
}

/// Memory at least.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MemoryRequirement {
    pub guest: Quantity,
}
