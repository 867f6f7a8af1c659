//! Processors of an instance type.

use super::Conflicts;
use super::topology::{self, Topology};
use crate::admission::Path;
use crate::api::instancetype::{CpuInstancetype, VirtualMachinePreferenceSpec};
use crate::api::vmi::{Cpu, VirtualMachineInstanceSpec};

/// Gives a machine its processors, arranged as it is liked.
pub(super) fn apply(
    path: &Path,
    given: &CpuInstancetype,
    liked: Option<&VirtualMachinePreferenceSpec>,
    spec: &mut VirtualMachineInstanceSpec,
    conflicts: &mut Conflicts,
) {
    let before = conflicts.len();
    conflicts.extend(contradictions(path, given, spec));
    let cpu = spec.domain.cpu.get_or_insert_default();
    if conflicts.len() > before {
        return;
    }
    cpu.model = given.model.clone().or(cpu.model.take());
    cpu.dedicated_cpu_placement = given.dedicated_cpu_placement.or(cpu.dedicated_cpu_placement);
    cpu.isolate_emulator_thread = given.isolate_emulator_thread.or(cpu.isolate_emulator_thread);
    cpu.numa = given.numa.clone().or(cpu.numa.take());
    cpu.realtime = given.realtime.clone().or(cpu.realtime.take());
    cpu.max_sockets = given.max_sockets.or(cpu.max_sockets);
    let Topology { sockets, cores, threads } = topology::arrange(given.guest, liked);
    cpu.sockets = Some(sockets);
    cpu.cores = Some(cores);
    cpu.threads = Some(threads);
}

fn contradictions(path: &Path, given: &CpuInstancetype, spec: &VirtualMachineInstanceSpec) -> Vec<Path> {
    let none = Cpu::default();
    let cpu = spec.domain.cpu.as_ref().unwrap_or(&none);
    let resources = spec.domain.resources.as_ref();
    let is_set = |count: Option<u32>| count.unwrap_or(0) != 0;
    let has_model = cpu.model.as_ref().is_some_and(|model| !model.is_empty());
    let found = [
        ("resources.requests.cpu", resources.is_some_and(|resources| resources.request("cpu").is_some())),
        ("resources.limits.cpu", resources.is_some_and(|resources| resources.limit("cpu").is_some())),
        ("cpu.sockets", is_set(cpu.sockets)),
        ("cpu.cores", is_set(cpu.cores)),
        ("cpu.threads", is_set(cpu.threads)),
        ("cpu.model", has_model && given.model.is_some()),
        (
            "cpu.dedicatedCPUPlacement",
            cpu.dedicated_cpu_placement == Some(true) && given.dedicated_cpu_placement.is_some(),
        ),
        (
            "cpu.isolateEmulatorThread",
            cpu.isolate_emulator_thread == Some(true) && given.isolate_emulator_thread.is_some(),
        ),
        ("cpu.numa", cpu.numa.is_some() && given.numa.is_some()),
        ("cpu.realtime", cpu.realtime.is_some() && given.realtime.is_some()),
    ];
    let path = path.at("domain");
    found.into_iter().filter(|(_, is_conflict)| *is_conflict).map(|(field, _)| path.at(field)).collect()
}
