//! The cluster's configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    ArchitecturesConfiguration, ConfidentialComputeConfiguration, DeveloperConfiguration, MediatedDevicesConfiguration,
    MigrationConfiguration, NetworkConfiguration, PermittedHostDevices, ReloadableComponentConfiguration,
    SeccompConfiguration, TlsConfiguration,
};
use crate::api::Empty;
use crate::api::kubernetes::{LabelSelector, Quantity};

/// Everything that can be configured for all machines.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeVirtConfiguration {
    pub cpu_model: Option<String>,
    pub cpu_request: Option<Quantity>,
    pub developer_configuration: Option<DeveloperConfiguration>,
    pub emulated_machines: Option<Vec<String>>,
    pub image_pull_policy: Option<String>,
    pub migrations: Option<MigrationConfiguration>,
    pub machine_type: Option<String>,
    pub network: Option<NetworkConfiguration>,
    pub ovmf_path: Option<String>,
    pub selinux_launcher_type: Option<String>,
    pub default_runtime_class: Option<String>,
    pub smbios: Option<SmbiosConfiguration>,
    pub architecture_configuration: Option<ArchitecturesConfiguration>,
    pub eviction_strategy: Option<String>,
    pub additional_guest_memory_overhead_ratio: Option<String>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["type"]))]
    pub support_container_resources: Option<Vec<SupportContainerResources>>,
    pub supported_guest_agent_versions: Option<Vec<String>>,
    pub mem_balloon_stats_period: Option<u32>,
    pub permitted_host_devices: Option<PermittedHostDevices>,
    pub mediated_devices_configuration: Option<MediatedDevicesConfiguration>,
    #[serde(rename = "minCPUModel")]
    pub min_cpu_model: Option<String>,
    #[serde(rename = "obsoleteCPUModels")]
    pub obsolete_cpu_models: Option<BTreeMap<String, bool>>,
    pub virtual_machine_instances_per_node: Option<i64>,
    pub api_configuration: Option<ReloadableComponentConfiguration>,
    pub webhook_configuration: Option<ReloadableComponentConfiguration>,
    pub controller_configuration: Option<ReloadableComponentConfiguration>,
    pub handler_configuration: Option<ReloadableComponentConfiguration>,
    pub tls_configuration: Option<TlsConfiguration>,
    pub seccomp_configuration: Option<SeccompConfiguration>,
    pub vm_state_storage_class: Option<String>,
    pub virtual_machine_options: Option<VirtualMachineOptions>,
    pub ksm_configuration: Option<KsmConfiguration>,
    #[serde(rename = "autoCPULimitNamespaceLabelSelector")]
    pub auto_cpu_limit_namespace_label_selector: Option<LabelSelector>,
    pub live_update_configuration: Option<LiveUpdateConfiguration>,
    #[schemars(extend("nullable" = true), extend("enum" = ["Stage", "LiveUpdate"]))]
    pub vm_rollout_strategy: Option<String>,
    #[schemars(extend("nullable" = true))]
    pub common_instancetypes_deployment: Option<Deployment>,
    #[schemars(extend("nullable" = true))]
    pub virt_template_deployment: Option<Deployment>,
    #[schemars(extend("nullable" = true))]
    pub instancetype: Option<InstancetypeConfiguration>,
    #[schemars(length(max = 1))]
    pub hypervisors: Option<Vec<HypervisorConfiguration>>,
    #[schemars(extend("nullable" = true))]
    pub changed_block_tracking_label_selectors: Option<ChangedBlockTrackingSelectors>,
    #[schemars(extend("nullable" = true))]
    pub persistent_reservation_configuration: Option<PersistentReservation>,
    #[schemars(extend("nullable" = true))]
    pub confidential_compute: Option<ConfidentialComputeConfiguration>,
    #[schemars(extend("enum" = ["AggregateToDefault", "Manual"]))]
    pub role_aggregation_strategy: Option<String>,
}

/// How instance types are kept.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InstancetypeConfiguration {
    #[schemars(extend("nullable" = true), extend("enum" = ["reference", "expand", "expandAll"]))]
    pub reference_policy: Option<String>,
}

/// Whether a bundled component is installed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Deployment {
    #[schemars(extend("nullable" = true))]
    pub enabled: Option<bool>,
}

/// Which hypervisor.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HypervisorConfiguration {
    #[schemars(extend("enum" = ["kvm", "hyperv-direct"]))]
    pub name: Option<String>,
}

/// Which machines have changed blocks tracked.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ChangedBlockTrackingSelectors {
    pub namespace_label_selector: Option<LabelSelector>,
    pub virtual_machine_label_selector: Option<LabelSelector>,
}

/// Whether SCSI reservations are kept by a helper.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PersistentReservation {
    #[schemars(extend("nullable" = true))]
    pub enabled: Option<bool>,
}

/// How far machines can grow while they run.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LiveUpdateConfiguration {
    pub max_hotplug_ratio: Option<u32>,
    pub max_cpu_sockets: Option<u32>,
    pub max_guest: Option<Quantity>,
}

/// Switches for all machines.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineOptions {
    pub disable_free_page_reporting: Option<Empty>,
    pub disable_serial_console_log: Option<Empty>,
}

/// Nodes that merge equal pages.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KsmConfiguration {
    pub node_label_selector: Option<LabelSelector>,
}

/// What SMBIOS says of the machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SmbiosConfiguration {
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    pub version: Option<String>,
    pub sku: Option<String>,
    pub family: Option<String>,
}

/// Resources of a helper container.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SupportContainerResources {
    pub r#type: String,
    pub resources: ContainerResources,
}

/// Requests and limits of a container.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ContainerResources {
    pub limits: Option<BTreeMap<String, Quantity>>,
    pub requests: Option<BTreeMap<String, Quantity>>,
}
