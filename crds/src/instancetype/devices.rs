//! Preferences for devices.

use super::preference::prefer;
use crate::api::instancetype::DevicePreferences;
use crate::api::vmi::{Devices, Disk, DiskTarget, Interface, PanicDevice, VideoDevice, VirtualMachineInstanceSpec};

/// Gives devices what is liked.
pub(super) fn apply(liked: &DevicePreferences, spec: &mut VirtualMachineInstanceSpec) {
    let on_pod: Vec<String> = spec
        .networks
        .iter()
        .flatten()
        .filter(|network| network.pod.is_some())
        .map(|network| network.name.clone())
        .collect();
    let devices = &mut spec.domain.devices;
    switches(liked, devices);
    if let Some(sound) = &mut devices.sound {
        prefer(&mut sound.model, &liked.preferred_sound_model);
    }
    devices.rng = devices.rng.or(liked.preferred_rng);
    devices.tpm = devices.tpm.take().or(liked.preferred_tpm.clone());
    if liked.preferred_video_type.is_some() {
        let video = devices.video.get_or_insert_with(VideoDevice::default);
        prefer(&mut video.r#type, &liked.preferred_video_type);
    }
    devices.disks.iter_mut().flatten().for_each(|disk| disk_likes(liked, disk));
    for interface in devices.interfaces.iter_mut().flatten() {
        prefer(&mut interface.model, &liked.preferred_interface_model);
        if is_unbound(interface) && on_pod.contains(&interface.name) {
            interface.masquerade = liked.preferred_interface_masquerade;
        }
    }
    for input in devices.inputs.iter_mut().flatten() {
        prefer(&mut input.bus, &liked.preferred_input_bus);
        if input.r#type.is_empty() {
            input.r#type = liked.preferred_input_type.clone().unwrap_or_default();
        }
    }
    panic_devices(liked, devices);
}

fn switches(liked: &DevicePreferences, devices: &mut Devices) {
    for (field, liked) in [
        (&mut devices.use_virtio_transitional, liked.preferred_use_virtio_transitional),
        (&mut devices.block_multi_queue, liked.preferred_block_multi_queue),
        (&mut devices.network_interface_multiqueue, liked.preferred_network_interface_multi_queue),
        (&mut devices.autoattach_graphics_device, liked.preferred_autoattach_graphics_device),
        (&mut devices.autoattach_mem_balloon, liked.preferred_autoattach_mem_balloon),
        (&mut devices.autoattach_pod_interface, liked.preferred_autoattach_pod_interface),
        (&mut devices.autoattach_serial_console, liked.preferred_autoattach_serial_console),
        (&mut devices.autoattach_input_device, liked.preferred_autoattach_input_device),
    ] {
        *field = field.or(liked);
    }
    // Upstream cannot see whether this one is set, and overwrites it.
    devices.disable_hotplug = liked.preferred_disable_hotplug.or(devices.disable_hotplug);
}

fn disk_likes(liked: &DevicePreferences, disk: &mut Disk) {
    if disk.disk.is_none() && disk.cdrom.is_none() && disk.lun.is_none() {
        disk.disk = Some(DiskTarget::default());
    }
    if let Some(target) = &mut disk.disk {
        prefer(&mut target.bus, &liked.preferred_disk_bus);
        disk.block_size = disk.block_size.take().or(liked.preferred_disk_block_size.clone());
        prefer(&mut disk.cache, &liked.preferred_disk_cache);
        prefer(&mut disk.io, &liked.preferred_disk_io);
        if target.bus.as_deref() == Some("virtio") {
            disk.dedicated_io_thread = disk.dedicated_io_thread.or(liked.preferred_disk_dedicated_io_thread);
        }
    } else if let Some(target) = &mut disk.cdrom {
        prefer(&mut target.bus, &liked.preferred_cdrom_bus);
    } else if let Some(target) = &mut disk.lun {
        prefer(&mut target.bus, &liked.preferred_lun_bus);
    }
}

fn is_unbound(interface: &Interface) -> bool {
    let bound = [
        interface.bridge,
        interface.slirp,
        interface.masquerade,
        interface.sriov,
        interface.macvtap,
        interface.passt,
        interface.passt_binding,
    ];
    interface.binding.is_none() && bound.iter().all(Option::is_none)
}

fn panic_devices(liked: &DevicePreferences, devices: &mut Devices) {
    let Some(model) = &liked.preferred_panic_device_model else { return };
    let own = devices.panic_devices.get_or_insert_default();
    if own.is_empty() {
        own.push(PanicDevice { model: Some(model.clone()) });
    }
    for device in own {
        device.model.get_or_insert_with(|| model.clone());
    }
}
