//! Memory of an instance type.

use super::Conflicts;
use crate::admission::Path;
use crate::api::instancetype::MemoryInstancetype;
use crate::api::vmi::VirtualMachineInstanceSpec;

/// Gives a machine its memory, of which the pod asks for less when it is overcommitted.
pub(super) fn apply(
    path: &Path,
    given: &MemoryInstancetype,
    spec: &mut VirtualMachineInstanceSpec,
    conflicts: &mut Conflicts,
) {
    if let Some(field) = contradiction(given, spec) {
        spec.domain.memory.get_or_insert_default();
        return conflicts.push(path.at("domain").at(field));
    }
    let memory = spec.domain.memory.get_or_insert_default();
    memory.guest = Some(given.guest.clone());
    memory.hugepages = given.hugepages.clone().or(memory.hugepages.take());
    memory.max_guest = given.max_guest.clone().or(memory.max_guest.take());
    if let Some(percent) = given.overcommit_percent.filter(|percent| *percent > 0) {
        let request = given.guest.with_value(overcommitted(given.guest.value(), percent));
        let resources = spec.domain.resources.get_or_insert_default();
        resources.requests.get_or_insert_default().insert("memory".to_owned(), request);
    }
}

/// What is left of some bytes, in upstream's arithmetic of single precision.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream's arithmetic")]
fn overcommitted(bytes: i64, percent: i64) -> i64 {
    (bytes as f32 * (1.0 - percent as f32 / 100.0)) as i64
}

/// The first field that both set.
fn contradiction(given: &MemoryInstancetype, spec: &VirtualMachineInstanceSpec) -> Option<&'static str> {
    let memory = spec.domain.memory.as_ref();
    let resources = spec.domain.resources.as_ref();
    let found = [
        ("memory.guest", memory.is_some_and(|memory| memory.guest.is_some())),
        ("memory.hugepages", memory.is_some_and(|memory| memory.hugepages.is_some()) && given.hugepages.is_some()),
        ("memory.maxGuest", memory.is_some_and(|memory| memory.max_guest.is_some()) && given.max_guest.is_some()),
        ("resources.requests.memory", resources.is_some_and(|resources| resources.request("memory").is_some())),
        ("resources.limits.memory", resources.is_some_and(|resources| resources.limit("memory").is_some())),
    ];
    found.into_iter().find(|(_, is_conflict)| *is_conflict).map(|(field, _)| field)
}
