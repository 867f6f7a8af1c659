//! Disks and the volumes they show; the order in which devices are booted.

use std::collections::BTreeSet;

use super::{list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::{Disk, VirtualMachineInstanceSpec, Volume};
use crate::config::{ClusterConfig, FeatureGate};

/// Each disk has a volume that it can show, and no two devices have the same place in the boot order.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (place, disk) in list(&spec.domain.devices.disks).iter().enumerate() {
        let field = path.at("domain.devices.disks").index(place);
        // Of volumes with the same name upstream takes the last one.
        match list(&spec.volumes).iter().rev().find(|volume| volume.name == disk.name) {
            Some(volume) => volume_fits(&field, disk, volume, causes),
            None => without_volume(&field, disk, config, causes),
        }
        if let Some(order) = disk.boot_order
            && !taken.insert(order)
        {
            is_taken(&field, causes);
        }
    }
    for (place, interface) in list(&spec.domain.devices.interfaces).iter().enumerate() {
        let field = path.at("domain.devices.interfaces").index(place);
        match interface.boot_order {
            Some(0) => {
                let field = path.index(place);
                causes.invalid(field.at("bootOrder"), format!("{field} must have a boot order > 0, if supplied"));
            }
            Some(order) if !taken.insert(order) => is_taken(&field, causes),
            _ => {}
        }
    }
}

fn is_taken(device: &Path, causes: &mut Causes) {
    let field = device.at("bootOrder");
    causes.invalid(&field, format!("Boot order for {field} already set for a different device."));
}

fn without_volume(field: &Path, disk: &Disk, config: &ClusterConfig, causes: &mut Causes) {
    if disk.cdrom.is_none() {
        causes.invalid(field.at("name"), format!("{} '{}' not found.", field.at("Name"), disk.name));
    } else if !config.is_enabled(FeatureGate::DeclarativeHotplugVolumes) {
        let message = "DeclarativeHotplugVolumes feature gate not enabled, cannot define an empty CD-ROM disk";
        causes.invalid(field.at("name"), message);
    }
}

fn volume_fits(field: &Path, disk: &Disk, volume: &Volume, causes: &mut Causes) {
    if disk.lun.is_some() && volume.persistent_volume_claim.is_none() && volume.data_volume.is_none() {
        let field = field.at("lun");
        let message = format!("{field} can only be mapped to a DataVolume or PersistentVolumeClaim volume.");
        causes.invalid(&field, message);
    }
    if volume.downward_metrics.is_none() {
        return;
    }
    let field = field.at("disk");
    let Some(disk) = &disk.disk else {
        let message = format!("DownwardMetrics volume must be mapped to a disk, but disk is not set on {field}.");
        return causes.required(&field, message);
    };
    let bus = text(&disk.bus);
    if !matches!(bus, "virtio" | "") {
        let field = field.at("bus");
        let message = format!("DownwardMetrics volume must be mapped to virtio bus, but {field} is set to {bus}");
        causes.invalid(&field, message);
    }
}
