//! Volumes of the launcher, which come and go while the machine runs.

use std::collections::BTreeMap;

use super::hotplug_storage::from_the_start;
use crate::admission::vmi::list;
use crate::admission::{Causes, Path};
use crate::api::vmi::{UtilityVolume, VirtualMachineInstance, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

/// They are named and name their claims, were not there from the start, and do not change.
pub(super) fn validate(
    new: &VirtualMachineInstance,
    old: &VirtualMachineInstance,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let before = causes.len();
    are_named(&new.spec, config, causes);
    if causes.len() > before {
        return;
    }
    let volumes = list(&new.spec.utility_volumes);
    let from_the_start = from_the_start(old);
    if let Some(volume) = volumes.iter().find(|volume| from_the_start.contains(volume.name.as_str())) {
        let name = &volume.name;
        let message =
            format!("utility volume {name} cannot be a permanent volume, utility volumes must always be hotplug");
        return causes.invalid("", message);
    }
    let old: BTreeMap<&str, &UtilityVolume> =
        list(&old.spec.utility_volumes).iter().map(|volume| (volume.name.as_str(), volume)).collect();
    let is_changed = |volume: &&UtilityVolume| old.get(volume.name.as_str()).is_some_and(|old| !same(*old, *volume));
    if let Some(volume) = volumes.iter().find(is_changed) {
        causes.invalid("", format!("utility volume {} has changed", volume.name));
    }
}

fn are_named(spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let (path, volumes) = (Path::new("spec.utilityVolumes"), list(&spec.utility_volumes));
    if !volumes.is_empty() && !config.is_enabled(FeatureGate::UtilityVolumes) {
        return causes.invalid(path, "UtilityVolumes feature gate is not enabled");
    }
    let mut names = BTreeMap::new();
    for (place, volume) in volumes.iter().enumerate() {
        let field = path.index(place);
        if volume.name.is_empty() {
            causes.required(field.at("name"), "UtilityVolume 'name' must be set");
        }
        let first = *names.entry(&volume.name).or_insert(place);
        if first != place {
            let message = format!("{field} and {} must not have the same Name.", path.index(first));
            causes.duplicate(field.at("name"), message);
        }
        if let Some(other) = list(&spec.volumes).iter().rposition(|other| other.name == volume.name) {
            let other = Path::new("spec.volumes").index(other);
            let message = format!(
                "{field} conflicts with {other}. UtilityVolume names must be unique across both volumes and utilityVolumes."
            );
            causes.duplicate(field.at("name"), message);
        }
        if volume.claim_name.is_empty() {
            causes.required(field.at("claimName"), "UtilityVolume PVC 'claimName' must be set");
        }
    }
}
