//! Disks that are plugged in while a machine runs.

use std::fmt::Display;

use crate::admission::vmi::text;
use crate::admission::{Causes, Path};
use crate::api::vmi::Disk;

/// The disk is one that can be plugged in. `request` begins the messages, `field` is theirs; the first thing that is
/// wrong ends it.
pub(super) fn validate(disk: Option<&Disk>, name: &str, request: &str, field: impl Display, causes: &mut Causes) {
    let Some(disk) = disk else {
        return causes.invalid(field, format!("{request} for [{name}] requires the disk field to be set."));
    };
    let bus = match (&disk.disk, &disk.lun) {
        (Some(target), _) => {
            let bus = text(&target.bus);
            if !["scsi", "virtio"].contains(&bus) {
                let allowed = "requires bus to be 'scsi' or 'virtio'";
                return causes
                    .invalid(field, format!("{request} for disk [{name}] {allowed}. [{bus}] is not permitted."));
            }
            bus
        }
        (None, Some(target)) => {
            let bus = text(&target.bus);
            if bus != "scsi" {
                let allowed = "requires bus to be 'scsi'";
                return causes
                    .invalid(field, format!("{request} for LUN [{name}] {allowed}. [{bus}] is not permitted."));
            }
            bus
        }
        (None, None) => {
            let message = format!("{request} for [{name}] requires diskDevice of type 'disk' or 'lun' to be used.");
            return causes.invalid(field, message);
        }
    };
    if disk.dedicated_io_thread == Some(true) && bus != "virtio" {
        return causes.invalid(field, format!("{request} for [{name}] requires virtio bus for IOThreads."));
    }
    if disk.boot_order == Some(0) {
        // Upstream names the second disk, whichever it is.
        let disk = Path::new("spec.domain.devices.disks").index(1);
        causes.invalid(disk.at("bootOrder"), format!("{disk} must have a boot order > 0, if supplied"));
    }
}
