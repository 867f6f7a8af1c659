//! Machines with processors of their own.

use super::resources::{limit, request};
use super::text;
use crate::admission::{Causes, Path};
use crate::api::kubernetes::Quantity;
use crate::api::vmi::{Cpu, VirtualMachineInstanceSpec};

const DEDICATED: &str = "domain.cpu.dedicatedCpuPlacement";

/// Memory and whole processors are given exactly.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(cpu) = spec.domain.cpu.as_ref().filter(|cpu| cpu.dedicated_cpu_placement == Some(true)) else { return };
    memory_is_given(path, spec, causes);
    processors_are_whole(path, spec, causes);
    memory_is_exact(path, spec, causes);
    processors_are_given(path, spec, cpu, causes);
    threads(path, spec, cpu, causes);
}

fn memory_is_given(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let memory = spec.domain.memory.as_ref();
    let is_given = memory.is_some_and(|memory| {
        memory.hugepages.is_some() || memory.guest.as_ref().is_some_and(|guest| !guest.is_zero())
    });
    if is_given || !limit(spec, "memory").is_zero() || !request(spec, "memory").is_zero() {
        return;
    }
    let limit = path.at("domain.resources.limits.memory");
    let message = format!(
        "{}, {limit}, {} or {} should be provided",
        path.at("domain.resources.requests.memory"),
        path.at("domain.memory.hugepages"),
        path.at("domain.memory.guest")
    );
    causes.invalid(&limit, message);
}

fn processors_are_whole(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (what, value) in [("requests", request(spec, "cpu")), ("limits", limit(spec, "cpu"))] {
        if value.value() > 0 && value.value().saturating_mul(1000) != value.milli_value() {
            let message = format!("provided resources CPU {what} must be an interger");
            causes.invalid(path.at(&format!("domain.resources.{what}.cpu")), message);
        }
    }
}

fn memory_is_exact(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let (asked, most) = (request(spec, "memory").value(), limit(spec, "memory").value());
    if asked > 0 && most > 0 && asked != most {
        let field = path.at("domain.resources.requests.memory");
        causes.invalid(&field, format!("{field} must be equal to {}", path.at("domain.resources.limits.memory")));
    }
}

fn processors_are_given(path: &Path, spec: &VirtualMachineInstanceSpec, cpu: &Cpu, causes: &mut Causes) {
    let (asked, most) = (request(spec, "cpu"), limit(spec, "cpu"));
    let (asked, most, topology) = (Quantity::value(&asked), Quantity::value(&most), processors(cpu));
    let (requests, limits) = (path.at("domain.resources.requests.cpu"), path.at("domain.resources.limits.cpu"));
    let cores = path.at("domain.cpu.cores");
    let field = path.at(DEDICATED);
    if asked == 0 && most == 0 && topology == 0 {
        let message =
            format!("either {requests} or {limits} or {cores} must be provided when DedicatedCPUPlacement is true ");
        causes.invalid(&field, message);
    }
    if asked > 0 && most > 0 && asked != most {
        causes.invalid(&field, format!("{requests} or {limits} must be equal when DedicatedCPUPlacement is true "));
    }
    if (asked > 0 || most > 0) && topology > 0 && asked != topology && most != topology {
        let message = format!(
            "{requests} or {limits} must not be provided at the same time with {cores} when DedicatedCPUPlacement is true "
        );
        causes.invalid(&field, message);
    }
}

/// The processors of a topology, in which absent numbers do not count.
fn processors(cpu: &Cpu) -> i64 {
    let counts = [cpu.cores, cpu.sockets, cpu.threads].map(|count| count.unwrap_or(0));
    let counts = counts.into_iter().filter(|count| *count != 0);
    counts.reduce(u32::wrapping_mul).map_or(0, i64::from)
}

fn threads(path: &Path, spec: &VirtualMachineInstanceSpec, cpu: &Cpu, causes: &mut Causes) {
    let (field, threads) = (path.at("domain.cpu.threads"), cpu.threads.unwrap_or(0));
    if threads > 1 && text(&spec.architecture) == "arm64" {
        let architecture = path.at("architecture");
        let message =
            format!("threads must not be greater than 1 at {field} (got {threads}) when {architecture} is arm64");
        causes.invalid(&architecture, message);
    }
    if threads > 2 {
        let message = format!(
            "Not more than two threads must be provided at {field} (got {threads}) when DedicatedCPUPlacement is true"
        );
        causes.invalid(path.at(DEDICATED), message);
    }
}
