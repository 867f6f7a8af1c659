//! Devices other than disks and interfaces.

use super::{list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::{Gpu, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

/// Pointing devices are tablets, on USB or virtio.
pub(super) fn inputs(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, input) in list(&spec.domain.devices.inputs).iter().enumerate() {
        let field = path.at("domain.devices.inputs").index(place);
        if !["virtio", "usb", ""].contains(&text(&input.bus)) {
            causes.invalid(field.at("bus"), "Input device can have only virtio or usb bus.");
        }
        if input.r#type != "tablet" {
            causes.invalid(field.at("type"), "Input device can have only tablet type.");
        }
    }
}

/// One virtual GPU at most shows the firmware's picture.
pub(super) fn displays(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let has_ram_framebuffer = |gpu: &&Gpu| {
        let display = gpu.virtual_gpu_options.as_ref().and_then(|options| options.display.as_ref());
        display.is_some_and(|display| {
            display.enabled != Some(false) && display.ram_fb.as_ref().is_none_or(|buffer| buffer.enabled != Some(false))
        })
    };
    if list(&spec.domain.devices.gpus).iter().filter(has_ram_framebuffer).count() > 1 {
        causes.invalid(path.at("GPUs"), "configuring multiple displays with ramfb is not valid ");
    }
}

/// Devices of the node are behind a gate.
pub(super) fn host_devices(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    if spec.domain.devices.host_devices.is_some() && !config.is_enabled(FeatureGate::HostDevices) {
        causes.invalid(path.at("HostDevices"), "Host Devices feature gate is not enabled in kubevirt-config");
    }
}

/// A sound card has a name, and a known model.
pub(super) fn sound(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(sound) = &spec.domain.devices.sound else { return };
    let field = path.at("Sound");
    if !["", "ich9", "ac97"].contains(&text(&sound.model)) {
        causes.invalid(&field, "Sound device type is not supported. Options: 'ich9' or 'ac97'");
    }
    if sound.name.is_empty() {
        causes.invalid(&field, "Sound device requires a name field.");
    }
}

/// Sockets between node and guest are behind a gate.
pub(super) fn vsock(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    if spec.domain.devices.autoattach_vsock == Some(true) && !config.is_enabled(FeatureGate::Vsock) {
        let message = "VSOCK feature gate is not enabled in kubevirt-config";
        causes.invalid(path.at("domain.devices.autoattachVSOCK"), message);
    }
}

/// SCSI reservations must be configured.
pub(super) fn reservations(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let luns = list(&spec.domain.devices.disks).iter().filter_map(|disk| disk.lun.as_ref());
    let mut reserved = luns.filter(|lun| lun.reservation == Some(true));
    if reserved.next().is_some() && !config.keeps_persistent_reservations() {
        let message = "persistent reservation is not enabled in kubevirt config";
        causes.invalid(path.at("domain.devices.disks.luns.reservation"), message);
    }
}

/// Metrics of the node by a serial port are behind a gate.
pub(super) fn downward_metrics(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    if spec.domain.devices.downward_metrics.is_some() && !config.is_enabled(FeatureGate::DownwardMetrics) {
        let message = "downwardMetrics virtio serial is not allowed: DownwardMetrics feature gate is not enabled";
        causes.invalid(path.at("domain.devices.downwardMetrics"), message);
    }
}

/// A machine without graphics has no graphics adapter.
pub(super) fn video(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let devices = &spec.domain.devices;
    if devices.video.is_some() && devices.autoattach_graphics_device == Some(false) {
        let message = "Video configuration is not allowed when autoattachGraphicsDevice is set to false";
        causes.invalid(path.at("video"), message);
    }
}

/// Panic devices have known models.
pub(super) fn panic_devices(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let devices = list(&spec.domain.devices.panic_devices);
    let field = path.at("domain.devices.panicDevices");
    let architecture = spec.architecture.as_deref().unwrap_or(config.default_architecture());
    if !devices.is_empty() && architecture == "s390x" {
        let message = format!("custom panic devices are not supported on {architecture} architecture");
        causes.invalid(&field, message);
    }
    for (place, device) in devices.iter().enumerate() {
        if let Some(model) = &device.model
            && !["hyperv", "isa", "pvpanic"].contains(&model.as_str())
        {
            causes.invalid(field.index(place).at("model"), format!("invalid PanicDeviceModel({model})"));
        }
    }
}
