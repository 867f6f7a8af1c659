//! Forwarded ports.

use std::collections::BTreeSet;

use super::super::{list, text};
use crate::admission::names::is_port_name;
use crate::admission::{Causes, Path};
use crate::api::vmi::{Interface, Port, PortRange};
use crate::config::{ClusterConfig, FeatureGate};

/// The most ranges of an interface.
const RANGES: usize = 10;

/// Ports and ranges of an interface to the pod's network are possible ones.
pub(super) fn validate(
    field: &Path,
    interface: &Interface,
    is_on_pod: bool,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    if is_on_pod {
        ports(&field.at("ports"), list(&interface.ports), causes);
    }
    if interface.port_ranges.is_none() {
        return;
    }
    let name = field.at("name");
    if !config.is_enabled(FeatureGate::PortRangesSpec) {
        let message = "portRanges is specified on interface but the PortRangesSpec feature gate is not enabled";
        return causes.invalid(&name, message);
    }
    if is_on_pod {
        if interface.ports.is_some() {
            causes.invalid(&name, "Cannot define both ports and portRanges on interface");
        }
        if interface.masquerade.is_none() {
            causes.invalid(&name, "portRanges are only supported on masquerade interfaces");
        }
        ranges(&field.at("portRanges"), list(&interface.port_ranges), causes);
    }
}

fn ports(path: &Path, ports: &[Port], causes: &mut Causes) {
    let mut names = BTreeSet::new();
    for (place, port) in ports.iter().enumerate() {
        let (field, name) = (path.index(place).at("name"), text(&port.name));
        if name.is_empty() {
            continue;
        }
        if !names.insert(name) {
            causes.duplicate(&field, format!("Duplicate name of the port: {name}"));
        }
        if !is_port_name(name) {
            causes.invalid(&field, format!("Invalid name of the port: {name}"));
        }
    }
    for (place, port) in ports.iter().enumerate() {
        let field = path.index(place);
        match port.port {
            0 => causes.required(field.at("port"), "Port field is mandatory."),
            1..65536 => {}
            _ => causes.invalid(field.at("port"), "Port field must be in range 0 < x < 65536."),
        }
        if !["", "TCP", "UDP"].contains(&text(&port.protocol)) {
            causes.invalid(field.at("protocol"), "Unknown protocol, only TCP or UDP allowed");
        }
    }
}

fn ranges(path: &Path, ranges: &[PortRange], causes: &mut Causes) {
    if ranges.len() > RANGES {
        return causes.invalid(path, "No more than 10 portRanges are allowed");
    }
    let mut good: Vec<&PortRange> = Vec::new();
    for (place, range) in ranges.iter().enumerate() {
        let possible = 1..65536;
        let (name, fault) = if !["TCP", "UDP"].contains(&range.protocol.as_str()) {
            ("protocol", "Unknown protocol, only TCP or UDP allowed")
        } else if !possible.contains(&range.start) {
            ("start", "Start must be a valid port number, 0 < x < 65536")
        } else if !possible.contains(&range.end) {
            ("end", "End must be a valid port number, 0 < x < 65536")
        } else if range.start > range.end {
            ("start", "Start must be less than or equal to end")
        } else {
            good.push(range);
            continue;
        };
        causes.invalid(path.index(place).at(name), fault);
    }
    for protocol in ["TCP", "UDP"] {
        let mut sorted: Vec<(i32, i32)> = Vec::new();
        sorted.extend(good.iter().filter(|range| range.protocol == protocol).map(|range| (range.start, range.end)));
        sorted.sort_unstable();
        for (one, next) in sorted.iter().zip(sorted.iter().skip(1)).filter(|(one, next)| next.0 <= one.1) {
            let message = format!("{protocol} portRanges [{}-{}] and [{}-{}] overlap", one.0, one.1, next.0, next.1);
            causes.invalid(path, message);
        }
    }
}
