//! Volumes and disks of a running instance, before and after a change.

use std::collections::{BTreeMap, BTreeSet};

use super::hotplug_disk;
use crate::admission::Causes;
use crate::admission::vmi::list;
use crate::api::vmi::{Disk, VirtualMachineInstance, VirtualMachineInstanceSpec, Volume};
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

/// What the instance was started with stays; what is plugged in has a disk and can be plugged in. The first thing that
/// is wrong ends it.
pub(super) fn validate(
    new: &VirtualMachineInstance,
    old: &VirtualMachineInstance,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let from_the_start = from_the_start(old);
    let moved = new.status.as_ref().map(|status| list(&status.migrated_volumes)).unwrap_or_default();
    let moved: BTreeSet<&str> = moved.iter().map(|volume| volume.volume_name.as_str()).collect();
    let before = Storage::new(&old.spec, &from_the_start);
    let after = Storage::new(&new.spec, &from_the_start);
    let fault = count_fault(&new.spec, config).or_else(|| permanent_fault(&after, &before, &moved));
    if let Some(fault) = fault {
        return causes.invalid("", fault);
    }
    for (name, volume) in &after.plugged {
        let found = causes.len();
        match before.plugged.get(name) {
            Some(old) => stays(name, volume, (!moved.contains(name)).then_some(old), &after, &before, causes),
            None => is_pluggable(name, volume, &after, &before, causes),
        }
        if causes.len() > found {
            return;
        }
    }
}

/// The volumes that an instance was started with.
pub(super) fn from_the_start(vmi: &VirtualMachineInstance) -> BTreeSet<&str> {
    let status = vmi.status.as_ref().map(|status| list(&status.volume_status)).unwrap_or_default();
    status.iter().filter(|volume| volume.hotplug_volume.is_none()).map(|volume| volume.name.as_str()).collect()
}

/// Volumes and disks by name.
struct Storage<'a> {
    permanent: BTreeMap<&'a str, &'a Volume>,
    plugged: BTreeMap<&'a str, &'a Volume>,
    disks: BTreeMap<&'a str, &'a Disk>,
}

impl<'a> Storage<'a> {
    fn new(spec: &'a VirtualMachineInstanceSpec, from_the_start: &BTreeSet<&str>) -> Self {
        let volumes = list(&spec.volumes).iter().map(|volume| (volume.name.as_str(), volume));
        let (permanent, plugged) = volumes.partition(|(name, _)| from_the_start.contains(name));
        let disks = list(&spec.domain.devices.disks).iter().map(|disk| (disk.name.as_str(), disk)).collect();
        Self { permanent, plugged, disks }
    }
}

/// There are as many volumes as are used; a CD-ROM drive may be empty.
fn count_fault(spec: &VirtualMachineInstanceSpec, config: &ClusterConfig) -> Option<String> {
    let volumes = list(&spec.volumes).iter().filter(|volume| volume.memory_dump.is_none());
    let names: BTreeSet<&str> = volumes.map(|volume| volume.name.as_str()).collect();
    let devices = &spec.domain.devices;
    let may_be_empty = config.is_enabled(FeatureGate::DeclarativeHotplugVolumes);
    let is_empty = |disk: &Disk| disk.cdrom.is_some() && may_be_empty && !names.contains(disk.name.as_str());
    let disks = list(&devices.disks).iter().filter(|disk| !is_empty(disk)).count();
    let (declared, required) = (names.len(), disks + list(&devices.filesystems).len());
    let differ = declared != required;
    differ.then(|| format!("mismatch between volumes declared ({declared}) and required ({required})"))
}

fn permanent_fault(after: &Storage<'_>, before: &Storage<'_>, moved: &BTreeSet<&str>) -> Option<String> {
    if after.permanent.len() != before.permanent.len() {
        return Some("Number of permanent volumes has changed".to_owned());
    }
    after.permanent.iter().find_map(|(name, volume)| match before.permanent.get(name) {
        None => Some(format!("permanent volume {name}, not found")),
        Some(_) if moved.contains(name) => None,
        Some(old) if !same(*old, *volume) => Some(format!("permanent volume {name}, changed")),
        Some(_) => {
            let is_changed = !same_disk(after.disks.get(name), before.disks.get(name));
            is_changed.then(|| format!("permanent disk {name}, changed"))
        }
    })
}

fn same_disk(one: Option<&&Disk>, other: Option<&&Disk>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(*one, *other),
        _ => one.is_none() && other.is_none(),
    }
}

/// A volume that was plugged in and still is; `old` where it may not differ.
fn stays(
    name: &str,
    volume: &Volume,
    old: Option<&&Volume>,
    after: &Storage<'_>,
    before: &Storage<'_>,
    causes: &mut Causes,
) {
    let disk = after.disks.get(name);
    if old.is_some_and(|old| !same(*old, volume)) {
        causes.invalid("", format!("hotplug volume {name}, changed"));
    } else if volume.memory_dump.is_some() {
        // It has no disk.
    } else if disk.is_none() {
        causes.invalid("", format!("volume {name} doesn't have a matching disk"));
    } else if !same_disk(disk, before.disks.get(name)) {
        causes.invalid("", format!("hotplug disk {name}, changed"));
    }
}

/// A volume that is new: a claim with a disk, or the place of a memory dump.
fn is_pluggable(name: &str, volume: &Volume, after: &Storage<'_>, before: &Storage<'_>, causes: &mut Causes) {
    if volume.memory_dump.is_some() {
        return;
    }
    if volume.data_volume.is_none() && volume.persistent_volume_claim.is_none() {
        return causes.invalid("", format!("volume {name} is not a PVC or DataVolume"));
    }
    match after.disks.get(name) {
        None => causes.invalid("", format!("disk {name} does not exist")),
        Some(disk) if !before.disks.contains_key(name) => {
            hotplug_disk::validate(Some(disk), name, "Hotplug configuration", "", causes);
        }
        Some(_) => {}
    }
}
