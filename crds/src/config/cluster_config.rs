//! Questions to the configuration, answered with the defaults of what it leaves open.

use super::retired_gate::RETIRED;
use super::{FeatureGate, RetiredGate, Stage};
use crate::api::kubernetes::Quantity;
use crate::api::kubevirt::{
    ArchitectureConfiguration, KubeVirtConfiguration, LiveUpdateConfiguration, NetworkConfiguration, PciHostDevice,
};

/// The configuration of a cluster: the KubeVirt object's `spec.configuration`, with upstream's defaults.
#[derive(Clone, Debug, Default)]
pub struct ClusterConfig {
    configuration: KubeVirtConfiguration,
    retired: &'static [RetiredGate],
}

impl ClusterConfig {
    /// The configuration that an administrator wrote.
    pub fn new(configuration: KubeVirtConfiguration) -> Self {
        Self { configuration, retired: &[] }
    }

    /// The same in a release that has retired more gates.
    #[must_use]
    pub fn with_retired(self, retired: &'static [RetiredGate]) -> Self {
        Self { retired, ..self }
    }

    /// Whether a feature is on.
    pub fn is_enabled(&self, gate: FeatureGate) -> bool {
        let developer = self.configuration.developer_configuration.as_ref();
        let names = |list: Option<&Vec<String>>| list.is_some_and(|names| names.iter().any(|name| name == gate.name()));
        if gate.stage() == Stage::General || names(developer.and_then(|config| config.feature_gates.as_ref())) {
            return true;
        }
        gate.stage() == Stage::Beta && !names(developer.and_then(|config| config.disabled_feature_gates.as_ref()))
    }

    /// The feature gates that are named, known or not.
    pub fn named_gates(&self) -> &[String] {
        let developer = self.configuration.developer_configuration.as_ref();
        developer.and_then(|config| config.feature_gates.as_deref()).unwrap_or_default()
    }

    /// The retired gates that are named, in the configuration's order.
    pub fn named_retired_gates(&self) -> impl Iterator<Item = &RetiredGate> {
        let all = || RETIRED.iter().chain(self.retired);
        self.named_gates().iter().filter_map(move |name| all().find(|gate| gate.name == name))
    }

    /// The PCI devices of nodes that guests may have.
    pub fn permitted_pci_devices(&self) -> &[PciHostDevice] {
        let permitted = self.configuration.permitted_host_devices.as_ref();
        permitted.and_then(|permitted| permitted.pci_host_devices.as_deref()).unwrap_or_default()
    }

    /// The architecture of machines that name none.
    pub fn default_architecture(&self) -> &str {
        let architectures = self.configuration.architecture_configuration.as_ref();
        architectures.and_then(|config| config.default_architecture.as_deref()).unwrap_or("amd64")
    }

    /// The board of machines that name none.
    pub fn machine_type(&self, architecture: &str) -> &str {
        if let Some(name) = self.configuration.machine_type.as_deref().filter(|name| !name.is_empty()) {
            return name;
        }
        let configured = self.architecture(architecture).and_then(|config| config.machine_type.as_deref());
        configured.unwrap_or(match architecture {
            "arm64" => "virt",
            "s390x" => "s390-ccw-virtio",
            _ => "q35",
        })
    }

    /// The patterns of boards that are allowed.
    pub fn emulated_machines(&self, architecture: &str) -> Vec<&str> {
        let configured = self.architecture(architecture).and_then(|config| config.emulated_machines.as_ref());
        match self.configuration.emulated_machines.as_ref().or(configured) {
            Some(patterns) => patterns.iter().map(String::as_str).collect(),
            None => match architecture {
                "arm64" => vec!["virt*"],
                "s390x" => vec!["s390-ccw-virtio*"],
                _ => vec!["q35*", "pc-q35*"],
            },
        }
    }

    fn architecture(&self, name: &str) -> Option<&ArchitectureConfiguration> {
        let architectures = self.configuration.architecture_configuration.as_ref()?;
        match name {
            "arm64" => architectures.arm64.as_ref(),
            "s390x" => architectures.s390x.as_ref(),
            _ => architectures.amd64.as_ref(),
        }
    }

    /// The processor model of machines that name none.
    pub fn cpu_model(&self) -> Option<&str> {
        self.configuration.cpu_model.as_deref().filter(|model| !model.is_empty())
    }

    /// The processor time that a machine asks for, when it is configured to another value than the default.
    pub fn cpu_request(&self) -> Option<&Quantity> {
        let default = Quantity::from("100m");
        self.configuration.cpu_request.as_ref().filter(|request| request.compare(&default).is_ne())
    }

    /// What happens to machines when their node is drained.
    pub fn eviction_strategy(&self) -> &str {
        self.configuration.eviction_strategy.as_deref().unwrap_or("None")
    }

    /// How the interface of a machine without interfaces is bound.
    pub fn default_network_interface(&self) -> &str {
        let network = self.network();
        network.and_then(|config| config.default_network_interface.as_deref()).unwrap_or("bridge")
    }

    /// Whether interfaces may be bridged to the pod's network.
    pub fn permits_bridge_on_pod_network(&self) -> bool {
        self.network().and_then(|config| config.permit_bridge_interface_on_pod_network).unwrap_or(true)
    }

    fn network(&self) -> Option<&NetworkConfiguration> {
        self.configuration.network.as_ref()
    }

    /// Whether machines can grow while they run.
    pub fn is_live_update(&self) -> bool {
        self.configuration.vm_rollout_strategy.as_deref().unwrap_or("LiveUpdate") == "LiveUpdate"
    }

    /// By how much machines can grow that set no limit.
    pub fn max_hotplug_ratio(&self) -> u32 {
        self.live_update().and_then(|config| config.max_hotplug_ratio).filter(|ratio| *ratio != 0).unwrap_or(4)
    }

    /// The sockets to which machines can grow that set no limit; zero when it is not configured.
    pub fn max_cpu_sockets(&self) -> u32 {
        self.live_update().and_then(|config| config.max_cpu_sockets).unwrap_or(0)
    }

    /// The memory to which machines can grow that set no limit.
    pub fn max_guest(&self) -> Option<&Quantity> {
        self.live_update().and_then(|config| config.max_guest.as_ref())
    }

    fn live_update(&self) -> Option<&LiveUpdateConfiguration> {
        self.configuration.live_update_configuration.as_ref()
    }

    /// Whether SCSI reservations are kept: by configuration or, when it says nothing, by the gate's name.
    pub fn keeps_persistent_reservations(&self) -> bool {
        let configured = self.configuration.persistent_reservation_configuration.as_ref();
        configured
            .and_then(|config| config.enabled)
            .unwrap_or_else(|| self.named_gates().iter().any(|name| name == FeatureGate::PersistentReservation.name()))
    }

    /// Whether templates of machines are installed.
    pub fn deploys_templates(&self) -> bool {
        let configured = self.configuration.virt_template_deployment.as_ref().and_then(|config| config.enabled);
        self.is_enabled(FeatureGate::Template) && configured.unwrap_or(true)
    }

    /// The socket that TDX guests are attested through.
    pub fn quote_generation_socket(&self) -> &str {
        let tdx = self.configuration.confidential_compute.as_ref().and_then(|config| config.tdx.as_ref());
        let attestation = tdx.and_then(|config| config.attestation.as_ref());
        let configured = attestation.and_then(|config| config.qgs_socket_path.as_deref());
        configured.unwrap_or("/var/run/tdx-qgs/qgs.socket")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(configuration: serde_json::Value) -> ClusterConfig {
        ClusterConfig::new(serde_json::from_value(configuration).unwrap())
    }

    #[test]
    fn a_gate_is_on_by_its_name_or_by_its_stage() {
        let default = ClusterConfig::default();
        assert!(!default.is_enabled(FeatureGate::HostDisk));
        assert!(default.is_enabled(FeatureGate::RebootPolicy));
        assert!(default.is_enabled(FeatureGate::PersistentReservation));
        let gates = |list: &str| config(json!({ "developerConfiguration": { list: ["HostDisk", "RebootPolicy"] } }));
        assert!(gates("featureGates").is_enabled(FeatureGate::HostDisk));
        assert!(!gates("disabledFeatureGates").is_enabled(FeatureGate::RebootPolicy));
        assert!(!gates("disabledFeatureGates").is_enabled(FeatureGate::HostDisk));
    }

    #[test]
    fn what_is_configured_wins_over_the_defaults() {
        let ours = config(json!({
            "machineType": "pc-q35-9.2",
            "architectureConfiguration": { "amd64": { "emulatedMachines": ["pc-*"] } },
            "vmRolloutStrategy": "Stage",
            "cpuRequest": "0.1",
        }));
        assert_eq!(ours.machine_type("amd64"), "pc-q35-9.2");
        assert_eq!(ours.emulated_machines("amd64"), ["pc-*"]);
        assert_eq!(ours.emulated_machines("arm64"), ["virt*"]);
        assert!(!ours.is_live_update());
        assert_eq!(ours.cpu_request(), None);
    }
}
