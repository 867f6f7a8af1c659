//! The rules of a new `VirtualMachineInstance`, one file for each part of its spec.

mod access_credentials;
mod architecture;
mod block_size;
mod boot_order;
mod cloud_init;
mod cpu;
mod dedicated_cpu;
mod devices;
mod disks;
mod dns;
mod firmware;
mod grace;
mod host_disk;
mod hyperv;
mod identity;
mod launch_security;
mod memory;
mod metadata;
mod network;
mod policies;
mod probe;
mod resource_claims;
mod resources;
mod scheduling;
mod selectors;
mod volumes;

pub(super) use disks::validate as validate_disks;
pub(super) use firmware::validate_firmware;
pub(super) use grace::annotations as grace_annotations;
pub(super) use metadata::{removed_features, reserved_labels, validate as validate_metadata, warnings};
pub(super) use network::{is_mac_address, removed_bindings};

use super::kinds::Requester;
use super::{Cause, Causes, Path};
use crate::api::vmi::{VirtualMachineInstance, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

/// What is wrong with a new instance whose defaults are set.
pub fn validate_new(vmi: &VirtualMachineInstance, config: &ClusterConfig, requester: Requester<'_>) -> Vec<Cause> {
    let mut causes = Causes::default();
    let spec = &vmi.spec;
    let path = Path::new("spec");
    removed_features(spec, config, &mut causes);
    // Upstream runs the rules for networks and disks twice: clients see each of their causes twice.
    removed_bindings(&path, spec, &mut causes);
    network::validate(&path, spec, config, &mut causes);
    volumes::container_disks(&path, spec, &mut causes);
    volumes::utility_volumes(&path, spec, &mut causes);
    disks::validate(&path.at("domain.devices.disks"), list(&spec.domain.devices.disks), &mut causes);
    validate_spec(&path, spec, config, &mut causes);
    volumes::uses(spec, &mut causes);
    memory::some_memory(spec, &mut causes);
    let metadata = Path::new("metadata");
    metadata::validate(&metadata, &vmi.metadata, config, requester, &mut causes);
    grace::annotations(&metadata, spec, &vmi.metadata, config, &mut causes);
    hyperv::validate(spec, &mut causes);
    architecture::validate(spec, &mut causes);
    causes.into_vec()
}

/// The rules for a spec, which hold for templates too.
pub fn validate_spec(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    identity::host_name(path, spec, causes);
    memory::validate(path, spec, config, causes);
    firmware::machine_type(path, spec, config, causes);
    firmware::acpi_tables(path, spec, causes);
    cpu::requests(path, spec, causes);
    dedicated_cpu::validate(path, spec, causes);
    cpu::validate(path, spec, causes);
    policies::start_strategy(path, spec, causes);
    cpu::realtime(path, spec, causes);
    scheduling::affinity(path, spec, causes);
    scheduling::spread_constraints(path, spec, causes);
    network::validate(path, spec, config, causes);
    resource_claims::validate(path, spec, config, causes);
    boot_order::validate(path, spec, config, causes);
    devices::inputs(path, spec, causes);
    policies::io_threads(path, spec, causes);
    probe::validate(path, spec, causes);
    disks::validate(&path.at("domain.devices.disks"), list(&spec.domain.devices.disks), causes);
    firmware::validate(&path.at("domain"), spec, causes);
    volumes::validate(&path.at("volumes"), spec, config, causes);
    volumes::container_disks(path, spec, causes);
    volumes::utility_volumes(path, spec, causes);
    access_credentials::validate(&path.at("accessCredentials"), spec, causes);
    dns::validate(path, spec, causes);
    policies::eviction_strategy(path, spec, config, causes);
    devices::displays(path, spec, causes);
    devices::host_devices(path, spec, config, causes);
    grace::validate(path, spec, config, causes);
    devices::sound(path, spec, causes);
    launch_security::validate(path, spec, config, causes);
    devices::vsock(path, spec, config, causes);
    devices::reservations(path, spec, config, causes);
    devices::downward_metrics(path, spec, config, causes);
    volumes::shared_claims(path, spec, config, causes);
    devices::video(path, spec, causes);
    devices::panic_devices(path, spec, config, causes);
    policies::reboot(path, spec, config, causes);
    memory::reserved_overhead(path, spec, config, causes);
    identity::service_account(path, spec, causes);
}

/// A list that may be absent.
pub(super) fn list<T>(items: &Option<Vec<T>>) -> &[T] {
    items.as_deref().unwrap_or_default()
}

/// A text that may be absent, which is the same as empty.
pub(super) fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}
