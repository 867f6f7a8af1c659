//! What architectures do not have.

use super::{list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::VirtualMachineInstanceSpec;

/// The architecture is known, and has what is asked of it.
pub(super) fn validate(spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let path = Path::new("spec");
    let devices = &spec.domain.devices;
    let field = path.at("domain.devices.watchdog");
    match text(&spec.architecture) {
        "amd64" => {
            let watchdog = devices.watchdog.as_ref();
            if watchdog.is_some_and(|watchdog| watchdog.i6300esb.is_none() || watchdog.diag288.is_some()) {
                causes.not_supported(field, "amd64 only supports I6300ESB watchdog device");
            }
            video(&path, spec, &["vga", "cirrus", "virtio", "ramfb", "bochs"], causes);
        }
        "s390x" => {
            let watchdog = devices.watchdog.as_ref();
            if watchdog.is_some_and(|watchdog| watchdog.diag288.is_none() || watchdog.i6300esb.is_some()) {
                causes.not_supported(field, "s390x only supports Diag288 watchdog device");
            }
            video(&path, spec, &["virtio"], causes);
        }
        "arm64" => on_arm64(&path, spec, causes),
        other => causes.invalid(path.at("architecture"), format!("unsupported architecture: {other}")),
    }
}

fn video(path: &Path, spec: &VirtualMachineInstanceSpec, known: &[&str], causes: &mut Causes) {
    let Some(video) = &spec.domain.devices.video else { return };
    let (model, architecture) = (text(&video.r#type), text(&spec.architecture));
    if !known.contains(&model) {
        let message = format!("video model '{model}' is not supported on {architecture} architecture");
        causes.not_supported(path.at("domain.devices.video.type"), message);
    }
}

fn on_arm64(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let bootloader = spec.domain.firmware.as_ref().and_then(|firmware| firmware.bootloader.as_ref());
    if bootloader.is_some_and(|bootloader| bootloader.bios.is_some()) {
        let message = "Arm64 does not support bios boot, please change to uefi boot";
        causes.not_supported(path.at("domain.firmware.bootloader.bios"), message);
    }
    let model = spec.domain.cpu.as_ref().map(|cpu| text(&cpu.model)).unwrap_or_default();
    if !["", "host-passthrough"].contains(&model) {
        let message = "currently, host-passthrough is the only model supported on Arm64";
        causes.not_supported(path.at("domain.cpu.model"), message);
    }
    for (place, disk) in list(&spec.domain.devices.disks).iter().enumerate() {
        let targets = [
            ("disk", disk.disk.as_ref().map(|disk| text(&disk.bus))),
            ("cdrom", disk.cdrom.as_ref().map(|cdrom| text(&cdrom.bus))),
            ("lun", disk.lun.as_ref().map(|lun| text(&lun.bus))),
        ];
        for (target, bus) in targets {
            if bus.is_some_and(|bus| !["", "virtio", "scsi"].contains(&bus)) {
                let field = path.at("domain.devices.disks").index(place).at(target).at("bus");
                causes.not_supported(field, "Arm64 not support this disk bus type, please use virtio or scsi");
            }
        }
    }
    for (name, what, is_there) in [
        ("watchdog", "Watchdog device", spec.domain.devices.watchdog.is_some()),
        ("sound", "sound device", spec.domain.devices.sound.is_some()),
    ] {
        if is_there {
            causes.not_supported(path.at("domain.devices").at(name), format!("Arm64 not support {what}"));
        }
    }
    video(path, spec, &["virtio", "ramfb"], causes);
}
