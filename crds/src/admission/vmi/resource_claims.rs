//! Devices by resource claim.

use std::collections::{BTreeMap, BTreeSet};

use super::{list, text};
use crate::admission::names::{dns_label, dns_subdomain};
use crate::admission::{Causes, Path};
use crate::api::vmi::{ResourceClaim, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

/// The first place of each pair of claim and request.
pub(super) type Pairs = BTreeMap<String, usize>;

/// A device as these rules see it.
struct Device<'a> {
    name: &'a str,
    claim: &'a Option<String>,
    request: &'a Option<String>,
}

impl Device<'_> {
    fn has_claim(&self) -> bool {
        self.claim.is_some() || self.request.is_some()
    }

    fn is_claimed(&self) -> bool {
        self.name.is_empty() && self.has_claim()
    }
}

/// A kind of devices.
struct Devices<'a> {
    field: &'static str,
    what: &'static str,
    gate: FeatureGate,
    /// Whether claimed and other devices may not stand beside each other.
    is_uniform: bool,
    devices: Vec<Device<'a>>,
}

/// Claims have names and sources; devices name either a resource or a claim and its request, each pair once.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let claims = list(&spec.resource_claims);
    named_claims(&path.at("resourceClaims"), claims, causes);
    let devices = &spec.domain.devices;
    let gpus = list(&devices.gpus).iter().map(|gpu| Device {
        name: text(&gpu.device_name),
        claim: &gpu.claim_name,
        request: &gpu.request_name,
    });
    let others = list(&devices.host_devices).iter().map(|device| Device {
        name: text(&device.device_name),
        claim: &device.claim_name,
        request: &device.request_name,
    });
    let mut owners = BTreeMap::new();
    let mut used = BTreeSet::new();
    let kinds = [
        Devices {
            field: "gpus",
            what: "GPU",
            gate: FeatureGate::GpusWithDra,
            is_uniform: true,
            devices: gpus.collect(),
        },
        Devices {
            field: "hostDevices",
            what: "HostDevice",
            gate: FeatureGate::HostDevicesWithDra,
            is_uniform: false,
            devices: others.collect(),
        },
    ];
    let mut pairs: Vec<(&str, Path, Pairs)> = Vec::new();
    for kind in &kinds {
        let field = path.at("domain.devices").at(kind.field);
        let found = kind.validate(&field, config, &mut used, causes);
        pairs.push((if kind.is_uniform { "GPUs" } else { "HostDevices" }, field, found));
    }
    if config.is_enabled(FeatureGate::NetworkDevicesWithDra) {
        pairs.push(("Networks", path.at("networks"), network_pairs(spec)));
    }
    for (what, field, found) in pairs {
        for (pair, place) in found {
            if let Some((other, first)) = owners.get(&pair) {
                let message = format!(
                    "duplicate claimName/requestName pair {pair:?} between {other}[{first}] and {what}[{place}]"
                );
                causes.duplicate(field.index(place), message);
            } else {
                owners.insert(pair, (what, place));
            }
        }
    }
    if !used.iter().all(|name| claims.iter().any(|claim| claim.name == *name)) {
        let message = "vmi.spec.resourceClaims must specify all claims used in vmi.spec.domain.devices.gpus and \
                       vmi.spec.domain.devices.hostDevices";
        causes.invalid(path.at("resourceClaims"), message);
    }
}

/// The pairs of networks that are attached by claim.
pub(super) fn network_pairs(spec: &VirtualMachineInstanceSpec) -> Pairs {
    let mut pairs = Pairs::new();
    for (place, network) in list(&spec.networks).iter().enumerate() {
        let Some(claim) = &network.resource_claim else { continue };
        let (name, request) = (text(&claim.claim_name), text(&claim.request_name));
        if !name.is_empty() && !request.is_empty() {
            pairs.entry(format!("{name}/{request}")).or_insert(place);
        }
    }
    pairs
}

fn named_claims(path: &Path, claims: &[ResourceClaim], causes: &mut Causes) {
    let mut names = BTreeSet::new();
    for (place, claim) in claims.iter().enumerate() {
        let field = path.index(place);
        let name = field.at("name");
        if claim.name.is_empty() {
            causes.required(&name, format!("{name} is a required field"));
        } else if !names.insert(&claim.name) {
            causes.duplicate(&name, format!("duplicate resourceClaims name {:?}", claim.name));
        } else {
            let faults = dns_label(&claim.name);
            if !faults.is_empty() {
                let message =
                    format!("{name} does not conform to the kubernetes DNS_LABEL rules: {}", faults.join(", "));
                causes.invalid(&name, message);
            }
        }
        match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(_), Some(_)) => {
                let message = "at most one of resourceClaimName or resourceClaimTemplateName may be specified";
                causes.invalid(&field, message);
            }
            (None, None) => {
                causes.invalid(&field, "must specify one of: resourceClaimName, resourceClaimTemplateName");
            }
            _ => {}
        }
        for (source, value) in [
            ("resourceClaimName", &claim.resource_claim_name),
            ("resourceClaimTemplateName", &claim.resource_claim_template_name),
        ] {
            for fault in value.iter().flat_map(|value| dns_subdomain(value)) {
                causes.invalid(field.at(source), fault);
            }
        }
    }
}

impl Devices<'_> {
    fn validate<'a>(
        &'a self,
        field: &Path,
        config: &ClusterConfig,
        used: &mut BTreeSet<&'a str>,
        causes: &mut Causes,
    ) -> Pairs {
        let (path, what) = (self.field, self.what);
        let claimed = self.devices.iter().filter(|device| device.is_claimed()).count();
        if self.is_uniform && claimed > 0 && claimed < self.devices.len() {
            let message = format!(
                "vmi.spec.domain.devices.{path} contains both DRA and non-DRA {what}s; each {what} must be either DRA or non-DRA"
            );
            causes.invalid(field, message);
            return Pairs::new();
        }
        for device in self.devices.iter().filter(|device| !device.is_claimed()) {
            if device.name.is_empty() {
                let message = format!(
                    "vmi.spec.domain.devices.{path} contains {what}s without deviceName or claimRequest; each {what} must specify either a deviceName or a claimRequest"
                );
                causes.required(field, message);
            } else if device.has_claim() {
                let message =
                    format!("vmi.spec.domain.devices.{path} contains {what}s with both deviceName and claimRequest");
                causes.invalid(field, message);
            }
        }
        if claimed > 0 && !config.is_enabled(self.gate) {
            let message =
                format!("vmi.spec.domain.devices.{path} contains DRA enabled {what}s but feature gate is not enabled");
            causes.invalid(field, message);
            return Pairs::new();
        }
        self.pairs(field, used, causes)
    }

    fn pairs<'a>(&'a self, field: &Path, used: &mut BTreeSet<&'a str>, causes: &mut Causes) -> Pairs {
        let mut pairs = Pairs::new();
        for (place, device) in self.devices.iter().enumerate().filter(|(_, device)| device.is_claimed()) {
            let field = field.index(place);
            let (claim, request) = (text(device.claim), text(device.request));
            for (name, value) in [("claimName", claim), ("requestName", request)] {
                if value.is_empty() {
                    causes.required(field.at(name), format!("{name} is required for DRA {}", self.what));
                }
            }
            if claim.is_empty() || request.is_empty() {
                continue;
            }
            used.insert(claim);
            let pair = format!("{claim}/{request}");
            if *pairs.entry(pair.clone()).or_insert(place) != place {
                causes.duplicate(&field, format!("duplicate claimName/requestName pair {pair:?}"));
            }
        }
        pairs
    }
}
