//! Probes.

use super::list;
use crate::admission::{Causes, Path};
use crate::api::vmi::{Probe, VirtualMachineInstanceSpec};

/// A probe has one handler, and one that needs the pod's network only where that is attached.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let probes = [("readinessProbe", &spec.readiness_probe), ("livenessProbe", &spec.liveness_probe)];
    let probes = probes.map(|(name, probe)| (path.at(name), probe.as_ref()));
    for (field, probe) in &probes {
        probe.iter().for_each(|probe| handlers(field, probe, causes));
    }
    if list(&spec.networks).iter().any(|network| network.pod.is_some()) {
        return;
    }
    for (field, probe) in &probes {
        let Some(probe) = probe else { continue };
        for (handler, is_set) in [("httpGet", probe.http_get.is_some()), ("tcpSocket", probe.tcp_socket.is_some())] {
            if is_set {
                let field = field.at(handler);
                causes.invalid(&field, format!("{field} is only allowed if the Pod Network is attached"));
            }
        }
    }
}

fn handlers(field: &Path, probe: &Probe, causes: &mut Causes) {
    let set =
        [probe.http_get.is_some(), probe.tcp_socket.is_some(), probe.exec.is_some(), probe.guest_agent_ping.is_some()];
    match set.into_iter().filter(|is_set| *is_set).count() {
        0 => {
            let (tcp, exec, http) = (field.at("tcpSocket"), field.at("exec"), field.at("httpGet"));
            causes.required(field, format!("either {tcp}, {exec} or {http} must be set if a {field} is specified"));
        }
        1 => {}
        _ => causes.invalid(field, format!("{field} must have exactly one probe type set")),
    }
}
