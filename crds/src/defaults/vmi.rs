//! A new `VirtualMachineInstance`.

use super::{DefaultsError, cpu, devices, features, hotplug, hyperv, is_unset, memory, network, probe, volumes};
use crate::admission::kinds::Requester;
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::{Firmware, Machine, VirtualMachineInstance, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

/// The annotation that says how a machine's PCI slots are laid out, and its value for new ones.
const PCI_TOPOLOGY: (&str, &str) = ("kubevirt.io/pci-topology-version", "v3");

/// The annotation that names the socket through which TDX guests are attested.
const QUOTE_SOCKET: &str = "kubevirt.io/qgs-socket-path";

/// Keeps a deleted instance until its pod is gone.
const FINALIZER: &str = "kubevirt.io/foregroundDeleteVirtualMachine";

/// What the caller knows of a new instance, because a pure function cannot.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewInstance<'a> {
    /// A random UUID for a machine that brings none.
    pub uuid: &'a str,
    /// Who makes it.
    pub requester: Requester<'a>,
}

/// Sets the defaults of an instance that is created.
///
/// # Errors
///
/// [`DefaultsError`] when the configuration's own defaults are not allowed.
pub fn set_defaults(
    vmi: &mut VirtualMachineInstance,
    config: &ClusterConfig,
    drawn: NewInstance<'_>,
) -> Result<(), DefaultsError> {
    set_spec_defaults(&mut vmi.spec, config)?;
    let spec = &mut vmi.spec;
    features::disable_acpi_on_s390x(spec);
    let firmware = spec.domain.firmware.get_or_insert_with(Firmware::default);
    if is_unset(firmware.uuid.as_deref()) {
        firmware.uuid = Some(drawn.uuid.to_owned());
    }
    features::set(spec);
    devices::set(spec);
    spec.readiness_probe.iter_mut().chain(&mut spec.liveness_probe).for_each(probe::set);
    hyperv::enable_requirements(spec);
    cpu::set_by_architecture(spec);
    devices::set_by_architecture(spec);
    cpu::set_model(spec, config);
    if architecture(spec) != "arm64" && config.is_live_update() {
        hotplug::set_max_sockets(spec, config);
        hotplug::set_max_guest(spec, config);
    }
    set_metadata(vmi, config);
    Ok(())
}

/// The first of the defaults, which templates are given too before the rules see them.
///
/// # Errors
///
/// [`DefaultsError`] when the configuration's own defaults are not allowed.
pub fn set_spec_defaults(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) -> Result<(), DefaultsError> {
    set_architecture(spec, config);
    set_machine_type(spec, config);
    cpu::set_requests(spec, config);
    memory::set_guest(spec);
    cpu::set_topology(spec);
    devices::set_pull_policies(spec);
    spec.eviction_strategy.get_or_insert_with(|| config.eviction_strategy().to_owned());
    network::set_default_interface(spec, config)?;
    devices::add_disks_of_volumes(spec);
    volumes::set_amounts(spec);
    Ok(())
}

/// The architecture, empty when there is none.
pub(super) fn architecture(spec: &VirtualMachineInstanceSpec) -> &str {
    spec.architecture.as_deref().unwrap_or_default()
}

/// The cluster's architecture.
pub(crate) fn set_architecture(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    if is_unset(spec.architecture.as_deref()) {
        spec.architecture = Some(config.default_architecture().to_owned());
    }
}

/// The architecture's board.
pub(crate) fn set_machine_type(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    let default = config.machine_type(architecture(spec)).to_owned();
    let machine = spec.domain.machine.get_or_insert_with(Machine::default);
    if is_unset(machine.r#type.as_deref()) {
        machine.r#type = Some(default);
    }
}

fn set_metadata(vmi: &mut VirtualMachineInstance, config: &ClusterConfig) {
    let metadata = &mut vmi.metadata;
    set_pci_topology(&vmi.spec, metadata);
    let is_tdx = vmi.spec.domain.launch_security.as_ref().is_some_and(|security| security.tdx.is_some());
    let socket = config.quote_generation_socket();
    if is_tdx && !socket.is_empty() {
        metadata.annotations.get_or_insert_default().insert(QUOTE_SOCKET.to_owned(), socket.to_owned());
    }
    metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
    if !config.is_enabled(FeatureGate::Root) {
        vmi.status.get_or_insert_default().runtime_user = Some(107);
    }
}

/// How a new machine's PCI slots are laid out, on boards that have root ports.
pub(crate) fn set_pci_topology(spec: &VirtualMachineInstanceSpec, metadata: &mut ObjectMeta) {
    if has_pci_root_ports(spec) {
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.entry(PCI_TOPOLOGY.0.to_owned()).or_insert_with(|| PCI_TOPOLOGY.1.to_owned());
    }
}

/// Whether devices can be plugged into this board's root ports.
fn has_pci_root_ports(spec: &VirtualMachineInstanceSpec) -> bool {
    let board = spec.domain.machine.as_ref().and_then(|machine| machine.r#type.as_deref()).unwrap_or_default();
    matches!(architecture(spec), "amd64" | "arm64" | "") && (board.contains("q35") || board.starts_with("virt"))
}
