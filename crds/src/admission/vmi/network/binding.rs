//! How interfaces are bound to their networks.

use super::super::{list, text};
use super::{INTERFACES, network_of};
use crate::admission::{Causes, Path};
use crate::api::vmi::{Interface, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

/// The address of the bridge inside the pod.
const BRIDGE_MAC: &str = "02:00:00:00:00:00";

/// Each interface has one binding, which works with its network.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        let field = path.at(INTERFACES).index(place);
        let is_on_pod = network_of(spec, &interface.name).is_some_and(|network| network.pod.is_some());
        one_binding(&field, interface, causes);
        let name = field.at("name");
        if interface.masquerade.is_some() && !is_on_pod {
            causes.invalid(&name, "Masquerade interface only implemented with pod network");
        }
        if interface.masquerade.is_some() && text(&interface.mac_address) == BRIDGE_MAC {
            let message = "The requested MAC address is reserved for the in-pod bridge. Please choose another one.";
            causes.invalid(field.at("macAddress"), message);
        }
        if interface.bridge.is_some() && is_on_pod && !config.permits_bridge_on_pod_network() {
            causes.invalid(&name, "Bridge on pod network configuration is not enabled under kubevirt-config");
        }
        if interface.passt_binding.is_some() && !config.is_enabled(FeatureGate::PasstBinding) {
            causes.invalid(&name, "PasstBinding feature gate is not enabled");
        }
        if interface.passt_binding.is_some() && !is_on_pod {
            causes.invalid(&name, "PasstBinding interface only implemented with pod network");
        }
    }
}

/// Bindings that are no more.
pub(in super::super::super) fn removed(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        let field = path.at(INTERFACES).index(place);
        for (name, message, is_set) in [
            ("slirp", "Slirp interface support has been discontinued since v1.3", interface.slirp.is_some()),
            ("passt", "Passt network binding has been discontinued since v1.3", interface.passt.is_some()),
            ("macvtap", "Macvtap network binding has been discontinued since v1.3", interface.macvtap.is_some()),
        ] {
            if is_set {
                causes.invalid(field.at(name), message);
            }
        }
    }
}

fn one_binding(field: &Path, interface: &Interface, causes: &mut Causes) {
    let set = [
        interface.bridge.is_some(),
        interface.masquerade.is_some(),
        interface.sriov.is_some(),
        interface.passt_binding.is_some(),
        interface.binding.is_some(),
    ];
    if set.into_iter().filter(|is_set| *is_set).count() != 1 {
        let name = &interface.name;
        let message = format!("logical {name} interface must have exactly one binding method or binding plugin");
        causes.invalid(field, message);
    }
}
