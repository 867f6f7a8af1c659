//! Applying an instance type, then a preference.

use super::{cpu, memory, preference};
use crate::admission::Path;
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::VirtualMachineInstanceSpec;

/// Fields that a machine sets although its instance type decides them.
pub type Conflicts = Vec<Path>;

/// Gives a machine what its instance type says, and where that and the machine are silent what its preference likes.
/// `path` is where the machine's spec stands.
///
/// # Errors
///
/// The fields that both the machine and its instance type set; the machine is half changed then.
pub fn apply(
    path: &Path,
    instancetype: Option<&VirtualMachineInstancetypeSpec>,
    liked: Option<&VirtualMachinePreferenceSpec>,
    spec: &mut VirtualMachineInstanceSpec,
    metadata: &mut ObjectMeta,
) -> Result<(), Conflicts> {
    if let Some(instancetype) = instancetype {
        let mut conflicts = Conflicts::new();
        placement(path, instancetype, spec, &mut conflicts);
        cpu::apply(path, &instancetype.cpu, liked, spec, &mut conflicts);
        memory::apply(path, &instancetype.memory, spec, &mut conflicts);
        others(path, instancetype, spec, &mut conflicts);
        annotations(instancetype, metadata, &mut conflicts);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
    }
    if let Some(liked) = liked {
        preference::apply(liked, spec, metadata);
    }
    Ok(())
}

/// Takes over a value that the machine must not have.
fn take<T: Clone>(path: Path, from: &Option<T>, to: &mut Option<T>, conflicts: &mut Conflicts) {
    match (from, to.is_some()) {
        (Some(_), true) => conflicts.push(path),
        (Some(value), false) => *to = Some(value.clone()),
        (None, _) => {}
    }
}

/// The list, unless it is empty, which is the same as absent.
fn filled<T: Clone>(items: &Option<Vec<T>>) -> Option<Vec<T>> {
    items.clone().filter(|items| !items.is_empty())
}

fn placement(
    path: &Path,
    instancetype: &VirtualMachineInstancetypeSpec,
    spec: &mut VirtualMachineInstanceSpec,
    conflicts: &mut Conflicts,
) {
    take(path.at("nodeSelector"), &instancetype.node_selector, &mut spec.node_selector, conflicts);
    let name = instancetype.scheduler_name.clone().filter(|name| !name.is_empty());
    spec.scheduler_name = spec.scheduler_name.take().filter(|name| !name.is_empty());
    take(path.at("schedulerName"), &name, &mut spec.scheduler_name, conflicts);
}

fn others(
    path: &Path,
    instancetype: &VirtualMachineInstancetypeSpec,
    spec: &mut VirtualMachineInstanceSpec,
    conflicts: &mut Conflicts,
) {
    let (path, domain) = (path.at("domain"), &mut spec.domain);
    let threads = instancetype.io_threads.as_ref().and_then(|threads| threads.supplemental_pool_thread_count);
    if threads.is_some() {
        let own = &mut domain.io_threads.get_or_insert_default().supplemental_pool_thread_count;
        take(path.at("ioThreads.supplementalPoolThreadCount"), &threads, own, conflicts);
    }
    let policy = &instancetype.io_threads_policy;
    take(path.at("ioThreadsPolicy"), policy, &mut domain.io_threads_policy, conflicts);
    take(path.at("launchSecurity"), &instancetype.launch_security, &mut domain.launch_security, conflicts);
    let devices = &mut domain.devices;
    devices.gpus = filled(&devices.gpus);
    devices.host_devices = filled(&devices.host_devices);
    take(path.at("devices.gpus"), &filled(&instancetype.gpus), &mut devices.gpus, conflicts);
    let host_devices = filled(&instancetype.host_devices);
    take(path.at("devices.hostDevices"), &host_devices, &mut devices.host_devices, conflicts);
}

/// Annotations may be there already, with the same value.
fn annotations(instancetype: &VirtualMachineInstancetypeSpec, metadata: &mut ObjectMeta, conflicts: &mut Conflicts) {
    for (key, value) in instancetype.annotations.iter().flatten() {
        let own = metadata.annotations.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
        if own != value {
            conflicts.push(Path::new("annotations").at(key));
        }
    }
}
