//! Networks and interfaces.

mod binding;
mod claimed;
mod dhcp;
mod interface;
mod ports;
mod source;

use crate::admission::{Causes, Path};
use crate::api::vmi::{Network, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

pub(in super::super) use binding::removed as removed_bindings;
pub(in super::super) use interface::is_mac_address;

const INTERFACES: &str = "domain.devices.interfaces";

/// Networks have sources, interfaces have bindings, and each belongs to one of the other.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    source::one_default_network(path, spec, causes);
    source::one_source(path, spec, causes);
    source::multus_name(path, spec, causes);
    interface::states(path, spec, causes);
    binding::validate(path, spec, config, causes);
    source::unique_names(path, spec, causes);
    claimed::validate(path, spec, config, causes);
    source::are_connected(path, spec, causes);
    interface::unique_names(path, spec, causes);
    interface::are_connected(path, spec, causes);
    interface::fields(path, spec, config, causes);
}

/// The network of an interface: of several with its name the last.
fn network_of<'a>(spec: &'a VirtualMachineInstanceSpec, interface: &str) -> Option<&'a Network> {
    super::list(&spec.networks).iter().rev().find(|network| network.name == interface)
}
