//! Disks and other devices.

use std::collections::BTreeSet;

use super::is_unset;
use super::vmi::architecture;
use crate::api::vmi::{CdromTarget, Diag288Watchdog, Disk, DiskTarget, I6300EsbWatchdog, VirtualMachineInstanceSpec};

/// An image without a tag, or with the tag `latest`, is pulled always.
pub(super) fn set_pull_policies(spec: &mut VirtualMachineInstanceSpec) {
    let volumes = spec.volumes.iter_mut().flatten();
    for disk in volumes.filter_map(|volume| volume.container_disk.as_mut()) {
        if is_unset(disk.image_pull_policy.as_deref()) {
            let moves = disk.image.ends_with(":latest") || !disk.image.contains([':', '@']);
            disk.image_pull_policy = Some(if moves { "Always" } else { "IfNotPresent" }.to_owned());
        }
    }
}

/// A volume that neither a disk nor a file system uses gets a disk.
pub(crate) fn add_disks_of_volumes(spec: &mut VirtualMachineInstanceSpec) {
    let devices = &mut spec.domain.devices;
    let disks = devices.disks.iter().flatten().map(|disk| disk.name.clone());
    let filesystems = devices.filesystems.iter().flatten().map(|filesystem| filesystem.name.clone());
    let used: BTreeSet<String> = disks.chain(filesystems).collect();
    for volume in spec.volumes.iter().flatten().filter(|volume| !used.contains(&volume.name)) {
        let disk = Disk { name: volume.name.clone(), ..Disk::default() };
        devices.disks.get_or_insert_default().push(disk);
    }
}

/// What a device leaves open on every architecture.
pub(super) fn set(spec: &mut VirtualMachineInstanceSpec) {
    let devices = &mut spec.domain.devices;
    for disk in devices.disks.iter_mut().flatten() {
        if disk.disk.is_none() && disk.cdrom.is_none() && disk.lun.is_none() {
            disk.disk = Some(DiskTarget::default());
        }
        disk.cdrom.iter_mut().for_each(set_cdrom);
        if let Some(matches) = disk.block_size.as_mut().and_then(|size| size.match_volume.as_mut()) {
            matches.enabled.get_or_insert(true);
        }
    }
    for input in devices.inputs.iter_mut().flatten() {
        if is_unset(input.bus.as_deref()) {
            input.bus = Some("usb".to_owned());
        }
        if input.r#type.is_empty() {
            input.r#type = "tablet".to_owned();
        }
    }
    for options in devices.gpus.iter_mut().flatten().filter_map(|gpu| gpu.virtual_gpu_options.as_mut()) {
        if let Some(buffer) = options.display.as_mut().and_then(|display| display.ram_fb.as_mut()) {
            buffer.enabled.get_or_insert(true);
        }
    }
}

fn set_cdrom(cdrom: &mut CdromTarget) {
    cdrom.readonly.get_or_insert(true);
    if is_unset(cdrom.tray.as_deref()) {
        cdrom.tray = Some("closed".to_owned());
    }
}

/// What a device leaves open and architectures answer differently: the bus of disks, the watchdog.
pub(super) fn set_by_architecture(spec: &mut VirtualMachineInstanceSpec) {
    let architecture = architecture(spec).to_owned();
    let bus = if matches!(architecture.as_str(), "arm64" | "s390x") { "virtio" } else { "sata" };
    for disk in spec.domain.devices.disks.iter_mut().flatten() {
        let targets = [
            disk.disk.as_mut().map(|disk| &mut disk.bus),
            disk.cdrom.as_mut().map(|cdrom| &mut cdrom.bus),
            disk.lun.as_mut().map(|lun| &mut lun.bus),
        ];
        for target in targets.into_iter().flatten().filter(|target| is_unset(target.as_deref())) {
            *target = Some(bus.to_owned());
        }
    }
    let Some(watchdog) = &mut spec.domain.devices.watchdog else { return };
    let action = match architecture.as_str() {
        "arm64" => return,
        "s390x" => &mut watchdog.diag288.get_or_insert_with(Diag288Watchdog::default).action,
        _ => &mut watchdog.i6300esb.get_or_insert_with(I6300EsbWatchdog::default).action,
    };
    if is_unset(action.as_deref()) {
        *action = Some("reset".to_owned());
    }
}
