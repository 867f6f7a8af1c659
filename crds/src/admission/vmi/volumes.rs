//! Volumes and what uses them.

use std::collections::BTreeMap;

use super::{cloud_init, host_disk, list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::{VirtualMachineInstanceSpec, Volume};
use crate::config::{ClusterConfig, FeatureGate};

/// Names are unique, each volume has one source, and some sources appear once.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let volumes = list(&spec.volumes);
    let mut names = BTreeMap::new();
    for (place, volume) in volumes.iter().enumerate() {
        let field = path.index(place);
        let first = *names.entry(&volume.name).or_insert(place);
        if first != place {
            let message = format!("{field} and {} must not have the same Name.", path.index(first));
            causes.invalid(field.at("name"), message);
        }
        one_source(&field, volume, causes);
        cloud_init::validate(&field, volume, causes);
        if volume.downward_metrics.is_some() && !config.is_enabled(FeatureGate::DownwardMetrics) {
            let message = "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled.";
            causes.invalid(&field, message);
        }
        if let Some(disk) = &volume.host_disk {
            host_disk::validate(&field, disk, config, causes);
        }
        names_are_given(&field, volume, causes);
    }
    let count = |is_one: fn(&Volume) -> bool| volumes.iter().filter(|volume| is_one(volume)).count();
    for (what, count) in [
        ("serviceAccount", count(|volume| volume.service_account.is_some())),
        ("downwardMetric", count(|volume| volume.downward_metrics.is_some())),
        ("memory dump", count(|volume| volume.memory_dump.is_some())),
    ] {
        if count > 1 {
            causes.invalid(path, format!("{path} must have max one {what} volume set"));
        }
    }
}

fn one_source(field: &Path, volume: &Volume, causes: &mut Causes) {
    if volume.data_volume.as_ref().is_some_and(|source| source.name.is_empty()) {
        causes.required(field.at("name"), "DataVolume 'name' must be set");
    }
    let sources = [
        volume.persistent_volume_claim.is_some(),
        volume.sysprep.is_some(),
        volume.cloud_init_no_cloud.is_some(),
        volume.cloud_init_config_drive.is_some(),
        volume.container_disk.is_some(),
        volume.ephemeral.is_some(),
        volume.empty_disk.is_some(),
        volume.host_disk.is_some(),
        volume.data_volume.is_some(),
        volume.config_map.is_some(),
        volume.secret.is_some(),
        volume.downward_api.is_some(),
        volume.service_account.is_some(),
        volume.downward_metrics.is_some(),
        volume.memory_dump.is_some(),
        volume.container_path.is_some(),
    ];
    if sources.into_iter().filter(|is_set| *is_set).count() != 1 {
        causes.invalid(field, format!("{field} must have exactly one source type set"));
    }
}

fn names_are_given(field: &Path, volume: &Volume, causes: &mut Causes) {
    let config_map = volume.config_map.as_ref().map(|source| text(&source.name));
    let secret = volume.secret.as_ref().map(|source| text(&source.secret_name));
    let account = volume.service_account.as_ref().map(|source| text(&source.service_account_name));
    for (name, value) in
        [("configMap.name", config_map), ("secret.secretName", secret), ("serviceAccount.serviceAccountName", account)]
    {
        if value == Some("") {
            let field = field.at(name);
            causes.invalid(&field, format!("{field} is a required field"));
        }
    }
}

/// A container disk's file is named by its absolute path.
pub(super) fn container_disks(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, volume) in list(&spec.volumes).iter().enumerate() {
        let file = volume.container_disk.as_ref().map(|disk| text(&disk.path)).unwrap_or_default();
        if !file.is_empty() {
            path_in_image(&path.at("volumes").index(place).at("containerDisk"), file, causes);
        }
    }
}

/// A file of an image is named by its absolute path, without `.`, `..` or doubled slashes.
pub(super) fn path_in_image(field: &Path, file: &str, causes: &mut Causes) {
    if file == "/" {
        return causes.invalid(field, format!("{field} must not point to root"));
    }
    let file = file.strip_suffix('/').unwrap_or(file);
    let is_plain =
        file.strip_prefix('/').is_some_and(|below| below.split('/').all(|part| !matches!(part, "" | "." | "..")));
    if !is_plain {
        let message = format!("{field} must be an absolute path to a file without relative components");
        causes.invalid(field, message);
    }
}

/// Volumes of the launcher come and go while the machine runs; none is there from the start.
pub(super) fn utility_volumes(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    if spec.utility_volumes.is_some() {
        let message = "cannot create VMI with utility volumes in spec, utility volumes can only be added via hotplug";
        causes.invalid(path.at("utilityVolumes"), message);
    }
}

/// Sharing claims by virtiofs is behind a gate.
pub(super) fn shared_claims(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    for filesystem in list(&spec.domain.devices.filesystems) {
        let volume = list(&spec.volumes).iter().rev().find(|volume| volume.name == filesystem.name);
        let is_claim =
            volume.is_some_and(|volume| volume.persistent_volume_claim.is_some() || volume.data_volume.is_some());
        if is_claim && !config.is_enabled(FeatureGate::VirtioFsStorage) {
            let message = "virtiofs is not allowed: virtiofs feature gate is not enabled for PVC";
            causes.invalid(path.at("domain.devices.filesystems"), message);
        }
    }
}

/// Directories of the launcher that are not for guests.
const RESERVED: [&str; 2] = ["/var/run/kubevirt", "/var/run/libvirt"];

/// Each volume is used by a disk or a file system, and directories by file systems only.
pub(super) fn uses(spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let devices = &spec.domain.devices;
    for (place, volume) in list(&spec.volumes).iter().enumerate() {
        if volume.memory_dump.is_some() {
            continue;
        }
        let field = Path::new("spec.domain.volumes").index(place);
        let name = &volume.name;
        let is_disk = list(&devices.disks).iter().any(|disk| disk.name == *name);
        let is_shared = list(&devices.filesystems).iter().any(|filesystem| filesystem.name == *name);
        if !is_disk && !is_shared {
            let field = field.at("name");
            causes.invalid(&field, format!("{field} '{name}' not found."));
        }
        let Some(source) = &volume.container_path else { continue };
        if is_disk {
            let message = format!("ContainerPath volume '{name}' must be mapped to a filesystem, not a disk");
            causes.invalid(&field, message);
        }
        if !is_shared {
            let message = format!(
                "ContainerPath volume '{name}' must have a matching filesystem defined in spec.domain.devices.filesystems"
            );
            causes.invalid(&field, message);
        }
        if let Some(prefix) = RESERVED.iter().find(|prefix| source.path.starts_with(*prefix)) {
            let message = format!("ContainerPath volume '{name}' uses reserved path prefix '{prefix}'");
            causes.invalid(field.at("containerPath.path"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_volume_that_nothing_uses_is_told() {
        let spec =
            json!({ "domain": { "devices": {} }, "volumes": [{ "name": "a" }, { "name": "b", "memoryDump": {} }] });
        let mut causes = Causes::default();
        uses(&serde_json::from_value(spec).unwrap(), &mut causes);
        let told: Vec<String> = causes.into_vec().into_iter().map(|cause| cause.message).collect();
        assert_eq!(told, ["spec.domain.volumes[0].name 'a' not found."]);
    }
}
