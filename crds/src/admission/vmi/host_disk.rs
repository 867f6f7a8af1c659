//! Image files of the node.

use crate::admission::{Causes, Path, Reason};
use crate::api::vmi::HostDisk;
use crate::config::{ClusterConfig, FeatureGate};

/// The gate is open, the file is named, and a size is given only for a file that is made.
pub(super) fn validate(field: &Path, disk: &HostDisk, config: &ClusterConfig, causes: &mut Causes) {
    if !config.is_enabled(FeatureGate::HostDisk) {
        causes.invalid(field, "HostDisk feature gate is not enabled");
    }
    let (path, kind) = (field.at("hostDisk.path"), field.at("hostDisk.type"));
    if disk.path.is_empty() {
        causes.add(Reason::NotFound, &path, format!("{path} is required for hostDisk volume"));
    }
    if !["Disk", "DiskOrCreate"].contains(&disk.r#type.as_str()) {
        let message = format!("{kind} has invalid value '{}', allowed are 'Disk' or 'DiskOrCreate'", disk.r#type);
        causes.invalid(&kind, message);
    }
    let has_size = disk.capacity.as_ref().is_some_and(|capacity| !capacity.is_zero());
    if disk.r#type == "Disk" && has_size {
        let capacity = field.at("hostDisk.capacity");
        let message = format!("{capacity} is allowed to pass only with {kind} equal to 'DiskOrCreate'");
        causes.invalid(&capacity, message);
    }
}
