//! The pod's resolver.

use std::net::IpAddr;

use super::{list, text};
use crate::admission::names::dns_subdomain;
use crate::admission::{Causes, Path};
use crate::api::vmi::VirtualMachineInstanceSpec;

/// The policies, in the order in which upstream lists them.
const POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// The policy is known, and the configuration is one that a pod may have.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let policy = text(&spec.dns_policy);
    if !policy.is_empty() && !POLICIES.contains(&policy) {
        let message = format!("DNSPolicy: {policy} is not supported, valid values: [{} ]", POLICIES.join(" "));
        causes.not_supported(path.at("dnsPolicy"), message);
    }
    let Some(config) = &spec.dns_config else {
        if policy == "None" {
            causes.required(path.at("dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let servers = list(&config.nameservers);
    if policy == "None" && servers.is_empty() {
        let message = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return causes.required("nameservers", message);
    }
    if servers.len() > 3 {
        causes.invalid("nameservers", format!("must not have more than 3 nameservers: [{}]", servers.join(" ")));
    }
    for server in servers.iter().filter(|server| server.parse::<IpAddr>().is_err()) {
        causes.invalid("nameservers", format!("must be valid IP address: {server}"));
    }
    let searches = list(&config.searches);
    if searches.len() > 6 {
        causes.invalid("searchDomains", "must not have more than 6 search paths");
    }
    if searches.join(" ").len() > 256 {
        let message = "must not have more than 256 characters (including spaces) in the search list";
        causes.invalid("searchDomains", message);
    }
    for fault in searches.iter().flat_map(|search| dns_subdomain(search)) {
        causes.invalid("searchDomains", fault);
    }
    for _ in list(&config.options).iter().filter(|option| text(&option.name).is_empty()) {
        causes.invalid("options", "Option.Name must not be empty");
    }
}
