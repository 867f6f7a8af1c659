//! Applying a preference: only where the machine and its instance type say nothing.

use super::{devices, features, firmware};
use crate::api::instancetype::VirtualMachinePreferenceSpec;
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::{CpuFeature, VirtualMachineInstanceSpec};

/// Gives a machine what is liked.
pub(super) fn apply(
    liked: &VirtualMachinePreferenceSpec,
    spec: &mut VirtualMachineInstanceSpec,
    metadata: &mut ObjectMeta,
) {
    cpu_features(liked, spec);
    if let Some(liked) = &liked.devices {
        devices::apply(liked, spec);
    }
    if let Some(liked) = &liked.features {
        features::apply(liked, spec.domain.features.get_or_insert_default());
    }
    if let Some(liked) = &liked.firmware {
        firmware::apply(liked, spec.domain.firmware.get_or_insert_default());
    }
    let board = liked.machine.as_ref().and_then(|machine| machine.preferred_machine_type.clone());
    if let Some(board) = board.filter(|board| !board.is_empty()) {
        prefer(&mut spec.domain.machine.get_or_insert_default().r#type, &Some(board));
    }
    clock(liked, spec);
    prefer(&mut spec.subdomain, &liked.preferred_subdomain);
    let seconds = &mut spec.termination_grace_period_seconds;
    *seconds = seconds.or(liked.preferred_termination_grace_period_seconds);
    prefer(&mut spec.architecture, &liked.preferred_architecture);
    for (key, value) in liked.annotations.iter().flatten() {
        metadata.annotations.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
    }
    let security = &mut spec.domain.launch_security;
    *security = security.take().or(liked.preferred_launch_security.clone());
}

/// Takes over a text where there is none.
pub(crate) fn prefer(field: &mut Option<String>, liked: &Option<String>) {
    if field.as_ref().is_none_or(String::is_empty)
        && let Some(liked) = liked.as_ref().filter(|liked| !liked.is_empty())
    {
        *field = Some(liked.clone());
    }
}

fn cpu_features(liked: &VirtualMachinePreferenceSpec, spec: &mut VirtualMachineInstanceSpec) {
    let liked = liked.cpu.as_ref().and_then(|cpu| cpu.preferred_cpu_features.as_deref()).unwrap_or_default();
    if liked.is_empty() {
        return;
    }
    let own = spec.domain.cpu.get_or_insert_default().features.get_or_insert_default();
    let is_new = |feature: &&CpuFeature| !own.iter().any(|other| other.name == feature.name);
    let new: Vec<CpuFeature> = liked.iter().filter(is_new).cloned().collect();
    own.extend(new);
}

/// An offset is taken over as a whole, and so are the timers.
fn clock(liked: &VirtualMachinePreferenceSpec, spec: &mut VirtualMachineInstanceSpec) {
    let Some(liked) = &liked.clock else { return };
    let clock = spec.domain.clock.get_or_insert_default();
    if let Some(offset) = &liked.preferred_clock_offset
        && clock.utc.is_none()
        && clock.timezone.is_none()
    {
        clock.utc = offset.utc.clone();
        clock.timezone = offset.timezone.clone();
    }
    clock.timer = clock.timer.take().or(liked.preferred_timer.clone());
}
