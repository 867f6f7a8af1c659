//! Networks that are attached by resource claim.

use super::super::resource_claims::network_pairs;
use super::super::{list, text};
use super::INTERFACES;
use crate::admission::{Causes, Path, Reason};
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::{ClusterConfig, FeatureGate};

/// The gate is open, Multus has no network beside, and claim and request are given and used once.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let networks = list(&spec.networks);
    if networks.iter().all(|network| network.resource_claim.is_none()) {
        return;
    }
    if !config.is_enabled(FeatureGate::NetworkDevicesWithDra) {
        let message = "vmi.spec.networks contains DRA networks but NetworkDevicesWithDRA feature gate is not enabled";
        return causes.invalid(path.at("networks"), message);
    }
    if networks.iter().any(|network| network.multus.is_some()) {
        let message = "mixing Multus and DRA resourceClaim networks in the same VMI is not supported";
        return causes.invalid(path.at("networks"), message);
    }
    let pairs = network_pairs(spec);
    for (place, network) in networks.iter().enumerate() {
        let Some(claim) = &network.resource_claim else { continue };
        let field = path.at("networks").index(place);
        interface_fits(path, spec, &network.name, causes);
        let (name, request) = (text(&claim.claim_name), text(&claim.request_name));
        for (what, value) in [("claimName", name), ("requestName", request)] {
            if value.is_empty() {
                let message = format!("{what} is required for DRA network");
                causes.required(field.at("resourceClaim").at(what), message);
            }
        }
        if name.is_empty() || request.is_empty() {
            continue;
        }
        if !list(&spec.resource_claims).iter().any(|claim| claim.name == name) {
            let message =
                format!("network references resourceClaim {name:?} which is not defined in spec.resourceClaims");
            causes.add(Reason::NotFound, field.at("resourceClaim.claimName"), message);
        }
        let pair = format!("{name}/{request}");
        if pairs.get(&pair).is_some_and(|first| *first != place) {
            causes.duplicate(&field, format!("duplicate claimName/requestName combination {pair:?}"));
        }
    }
}

fn interface_fits(path: &Path, spec: &VirtualMachineInstanceSpec, network: &str, causes: &mut Causes) {
    let interface = list(&spec.domain.devices.interfaces).iter().find(|interface| interface.name == network);
    if interface.is_some_and(|interface| interface.sriov.is_none() && interface.binding.is_none()) {
        let message = format!("DRA network {network:?} requires an SR-IOV or binding plugin interface");
        causes.invalid(path.at(INTERFACES), message);
    }
}
