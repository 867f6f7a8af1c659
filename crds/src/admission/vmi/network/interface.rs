//! Interfaces.

use std::collections::BTreeSet;

use super::super::disks::is_pci_address;
use super::super::{list, text};
use super::{INTERFACES, dhcp, network_of, ports};
use crate::admission::{Causes, Path};
use crate::api::vmi::{Interface, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

/// An interface's state is known, and one that its binding can have.
pub(super) fn states(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let is_default = |network: &&_| {
        let network: &crate::api::vmi::Network = network;
        network.pod.is_some() || network.multus.as_ref().is_some_and(|multus| multus.default == Some(true))
    };
    let default = list(&spec.networks).iter().find(is_default).map(|network| &network.name);
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        let (name, state) = (&interface.name, text(&interface.state));
        let mut fault = |message| causes.invalid(path.at(INTERFACES).index(place).at("state"), message);
        if !["", "absent", "down", "up"].contains(&state) {
            fault(format!("logical {name} interface state value is unsupported: {state}"));
        }
        if interface.sriov.is_some() && ["down", "up"].contains(&state) {
            fault(format!("{name:?} interface's state {state:?} is not supported for SR-IOV NICs"));
        }
        if state == "absent" && interface.bridge.is_none() {
            fault(format!("{name:?} interface's state {state:?} is supported only for bridge binding"));
        }
        if state == "absent" && default == Some(name) {
            fault(format!("{name:?} interface's state {state:?} is not supported on default networks"));
        }
    }
}

/// Names are unique.
pub(super) fn unique_names(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let mut names = BTreeSet::new();
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        if !names.insert(&interface.name) {
            let message = "Only one interface can be connected to one specific network";
            causes.duplicate(path.at(INTERFACES).index(place).at("name"), message);
        }
    }
}

/// Each interface has a network.
pub(super) fn are_connected(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        if network_of(spec, &interface.name).is_none() {
            let field = path.at(INTERFACES).index(place).at("name");
            causes.invalid(&field, format!("{field} '{}' not found.", interface.name));
        }
    }
}

/// Names, models, addresses, ports and DHCP options.
pub(super) fn fields(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        let field = path.at(INTERFACES).index(place);
        name_and_model(&field, interface, causes);
        addresses(&field, interface, causes);
        let is_on_pod = network_of(spec, &interface.name).is_some_and(|network| network.pod.is_some());
        ports::validate(&field, interface, is_on_pod, config, causes);
        if let Some(options) = &interface.dhcp_options {
            dhcp::validate(path, &field.at("dhcpOptions"), options, causes);
        }
    }
}

fn name_and_model(field: &Path, interface: &Interface, causes: &mut Causes) {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let (name, model) = (field.at("name"), text(&interface.model));
    if interface.name.is_empty() || !interface.name.chars().all(is_allowed) {
        let message =
            "Network interface name can only contain alphabetical characters, numbers, dashes (-) or underscores (_)";
        causes.invalid(&name, message);
    }
    if !["", "e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio"].contains(&model) {
        let message = format!("interface {name} uses model {model} that is not supported.");
        causes.not_supported(field.at("model"), message);
    }
}

fn addresses(field: &Path, interface: &Interface, causes: &mut Causes) {
    let (name, mac, pci) = (field.at("name"), text(&interface.mac_address), text(&interface.pci_address));
    let fault = match octets(mac) {
        _ if mac.is_empty() => None,
        None => Some("malformed"),
        Some(6) => None,
        Some(_) => Some("too long"),
    };
    if let Some(fault) = fault {
        causes.invalid(field.at("macAddress"), format!("interface {name} has {fault} MAC address ({mac})."));
    }
    if !pci.is_empty() && !is_pci_address(pci) {
        causes.invalid(field.at("pciAddress"), format!("interface {name} has malformed PCI address ({pci})."));
    }
}

/// Whether a text is a hardware address of six octets.
pub(in super::super::super) fn is_mac_address(text: &str) -> bool {
    octets(text) == Some(6)
}

/// How many octets a hardware address has: 6, 8 or 20, written in pairs with `:` or `-`, or in fours with `.`.
fn octets(address: &str) -> Option<usize> {
    let separator = address.chars().find(|c| matches!(c, ':' | '-' | '.'))?;
    let digits = if separator == '.' { 4 } else { 2 };
    let groups: Vec<&str> = address.split(separator).collect();
    let is_group = |group: &&str| group.len() == digits && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let octets = groups.len() * digits / 2;
    (groups.iter().all(is_group) && matches!(octets, 6 | 8 | 20)).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::octets;

    #[test]
    fn hardware_addresses_are_counted_in_octets() {
        for (address, count) in [
            ("02:00:00:00:00:01", Some(6)),
            ("02-00-00-00-00-01", Some(6)),
            ("0200.0000.0001", Some(6)),
            ("02:00:00:00:00:00:00:01", Some(8)),
            ("02:00:00:00:00", None),
            ("02:00:00:00:00:0g", None),
            ("02:00:00-00:00:00", None),
            ("020000000001", None),
            ("", None),
        ] {
            assert_eq!(octets(address), count, "{address}");
        }
    }
}
