//! Networks.

use std::collections::BTreeSet;

use super::super::list;
use crate::admission::{Causes, Path};
use crate::api::vmi::{Network, VirtualMachineInstanceSpec};

fn is_multus_default(network: &Network) -> bool {
    network.multus.as_ref().is_some_and(|multus| multus.default == Some(true))
}

/// One network at most is the default one: the pod's, or one of Multus.
pub(super) fn one_default_network(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let networks = list(&spec.networks);
    let pod = networks.iter().filter(|network| network.pod.is_some()).count();
    let multus = networks.iter().filter(|network| is_multus_default(network)).count();
    if pod > 1 {
        let field = path.at("interfaces");
        causes.duplicate(&field, format!("more than one interface is connected to a pod network in {field}"));
    }
    if multus > 1 {
        causes.invalid(path.at("networks"), "Multus CNI should only have one default network");
    }
    if pod > 0 && multus > 0 {
        let message = "Pod network cannot be defined when Multus default network is defined";
        causes.invalid(path.at("networks"), message);
    }
}

/// A network is of one type.
pub(super) fn one_source(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, network) in list(&spec.networks).iter().enumerate() {
        let set = [network.pod.is_some(), network.multus.is_some(), network.resource_claim.is_some()];
        let message = match set.into_iter().filter(|is_set| *is_set).count() {
            0 => "should have a network type",
            1 => continue,
            _ => "should have only one network type",
        };
        causes.required(path.at("networks").index(place), message);
    }
}

/// A network of Multus has a name; the first that has none is told.
pub(super) fn multus_name(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let is_unnamed = |network: &Network| network.multus.as_ref().is_some_and(|multus| multus.network_name.is_empty());
    if let Some(place) = list(&spec.networks).iter().position(is_unnamed) {
        causes.required(path.at("networks").index(place), "CNI delegating plugin must have a networkName");
    }
}

/// Names are unique.
pub(super) fn unique_names(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let mut names = BTreeSet::new();
    for (place, network) in list(&spec.networks).iter().enumerate() {
        if !names.insert(&network.name) {
            let message =
                format!("Network with name {:?} already exists, every network must have a unique name", network.name);
            causes.duplicate(path.at("networks").index(place).at("name"), message);
        }
    }
}

/// Each network has an interface.
pub(super) fn are_connected(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let interfaces = list(&spec.domain.devices.interfaces);
    for (place, network) in list(&spec.networks).iter().enumerate() {
        if !interfaces.iter().any(|interface| interface.name == network.name) {
            let field = path.at("networks").index(place).at("name");
            causes.required(&field, format!("{field} '{}' not found.", network.name));
        }
    }
}
