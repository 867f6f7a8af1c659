//! Processors: time, features, topology.

use super::resources::{limit, request};
use super::{list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::{Cpu, VirtualMachineInstanceSpec};

const REQUEST: &str = "domain.resources.requests.cpu";
const LIMIT: &str = "domain.resources.limits.cpu";
const PASSTHROUGH: &str = "domain.cpu.numa.guestMappingPassthrough";
const DEDICATED: &str = "domain.cpu.dedicatedCpuPlacement";

/// Processor time is not negative, and not more than its limit.
pub(super) fn requests(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let (asked, most) = (request(spec, "cpu"), limit(spec, "cpu"));
    for (field, value) in [(path.at(REQUEST), &asked), (path.at(LIMIT), &most)] {
        if value.milli_value() < 0 {
            let told = value.canonical().text();
            causes.invalid(&field, format!("{field} '{told}': must be greater than or equal to 0."));
        }
    }
    if most.milli_value() > 0 && asked.milli_value() > most.milli_value() {
        let field = path.at(REQUEST);
        let (asked, most) = (asked.canonical().text(), most.canonical().text());
        causes.invalid(&field, format!("{field} '{asked}' is greater than {} '{most}'", path.at(LIMIT)));
    }
}

/// NUMA, emulator threads, features and sockets.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(cpu) = &spec.domain.cpu else { return };
    numa(path, spec, cpu, causes);
    if cpu.isolate_emulator_thread == Some(true) && cpu.dedicated_cpu_placement != Some(true) {
        let message = "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement";
        causes.invalid(path.at("domain.cpu.isolateEmulatorThread"), message);
    }
    feature_policies(path, cpu, causes);
    let (sockets, most) = (cpu.sockets.unwrap_or(0), cpu.max_sockets.unwrap_or(0));
    if most != 0 && sockets > most {
        let message = "Number of sockets in CPU topology is greater than the maximum sockets allowed";
        causes.invalid(path.at("domain.cpu.sockets"), message);
    }
}

/// Whether the guest's NUMA topology is the node's.
fn is_passed_through(cpu: &Cpu) -> bool {
    cpu.numa.as_ref().is_some_and(|numa| numa.guest_mapping_passthrough.is_some())
}

fn numa(path: &Path, spec: &VirtualMachineInstanceSpec, cpu: &Cpu, causes: &mut Causes) {
    if !is_passed_through(cpu) {
        return;
    }
    let field = path.at(PASSTHROUGH);
    if cpu.dedicated_cpu_placement != Some(true) {
        let dedicated = path.at(DEDICATED);
        let message = format!("{dedicated} must be set to true when NUMA topology strategy is set in {field}");
        causes.invalid(&field, message);
    }
    if spec.domain.memory.as_ref().is_none_or(|memory| memory.hugepages.is_none()) {
        let pages = path.at("domain.memory.hugepages");
        causes.invalid(&field, format!("{pages} must be requested when NUMA topology strategy is set in {field}"));
    }
}

fn feature_policies(path: &Path, cpu: &Cpu, causes: &mut Causes) {
    for (place, feature) in list(&cpu.features).iter().enumerate() {
        let policy = text(&feature.policy);
        if !["", "force", "require", "optional", "disable", "forbid"].contains(&policy) {
            let field = path.at("domain.cpu.features").index(place).at("policy");
            let message = format!("CPU feature {} uses policy {policy} that is not supported.", feature.name);
            causes.not_supported(field, message);
        }
    }
}

/// Guests that must answer in time have processors of their own, and the node's NUMA topology.
pub(super) fn realtime(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(cpu) = spec.domain.cpu.as_ref().filter(|cpu| cpu.realtime.is_some()) else { return };
    let used = path.at("domain.cpu.realtime");
    if cpu.dedicated_cpu_placement != Some(true) {
        let field = path.at(DEDICATED);
        causes.required(&field, format!("{field} must be set to true when {used} is used"));
    }
    if !is_passed_through(cpu) {
        let field = path.at(PASSTHROUGH);
        causes.required(&field, format!("{field} must be defined when {used} is used"));
    }
}
