//! Names.

use super::{list, text};
use crate::admission::names::{dns_label, dns_subdomain};
use crate::admission::{Causes, Path};
use crate::api::vmi::VirtualMachineInstanceSpec;

/// Host name and subdomain are DNS names.
pub(super) fn host_name(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (field, rules, value, faults) in [
        ("hostname", "DNS_LABEL", text(&spec.hostname), dns_label as fn(&str) -> Vec<String>),
        ("subdomain", "DNS_SUBDOMAIN", text(&spec.subdomain), dns_subdomain),
    ] {
        let faults = if value.is_empty() { Vec::new() } else { faults(value) };
        if !faults.is_empty() {
            let field = path.at(field);
            let message = format!("{field} does not conform to the kubernetes {rules} rules : {}", faults.join(", "));
            causes.invalid(&field, message);
        }
    }
}

/// The service account is a DNS name, and the one that volumes hold.
pub(super) fn service_account(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let name = text(&spec.service_account_name);
    if name.is_empty() {
        return;
    }
    let field = path.at("serviceAccountName");
    let faults = dns_subdomain(name);
    if !faults.is_empty() {
        causes.invalid(&field, format!("{field} is not a valid service account name: {}", faults.join("; ")));
    }
    let in_volumes = list(&spec.volumes).iter().filter_map(|volume| volume.service_account.as_ref());
    let mut other = in_volumes.map(|account| text(&account.service_account_name)).filter(|other| *other != name);
    if let Some(other) = other.next() {
        let message = format!(
            "spec.serviceAccountName {name:?} and serviceAccount volume {other:?} must reference the same service account"
        );
        causes.invalid(&field, message);
    }
}
