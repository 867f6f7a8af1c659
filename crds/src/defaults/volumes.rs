//! Volumes.

use crate::api::vmi::VirtualMachineInstanceSpec;

/// Amounts that upstream always writes, as nothing when they are absent.
pub(super) fn set_amounts(spec: &mut VirtualMachineInstanceSpec) {
    for volume in spec.volumes.iter_mut().flatten() {
        if let Some(disk) = &mut volume.host_disk {
            disk.capacity.get_or_insert_default();
        }
        let files = volume.downward_api.iter_mut().flat_map(|source| source.fields.iter_mut().flatten());
        for resource in files.filter_map(|file| file.resource_field_ref.as_mut()) {
            resource.divisor.get_or_insert_default();
        }
    }
}
