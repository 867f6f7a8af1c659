//! Disks.

use super::block_size;
use super::text;
use crate::admission::names::dns_label;
use crate::admission::{Causes, Path};
use crate::api::vmi::Disk;

/// The longest serial number.
const SERIAL: usize = 256;

/// Names, targets, buses and options of disks.
pub(in super::super) fn validate(path: &Path, disks: &[Disk], causes: &mut Causes) {
    for (place, disk) in disks.iter().enumerate() {
        // Some of upstream's messages name the list below itself.
        let (field, doubled) = (path.index(place), path.at("domain.devices.disks"));
        for (other, _) in disks.iter().enumerate().take(place).filter(|(_, other)| other.name == disk.name) {
            let message = format!("{field} and {} must not have the same Name.", path.index(other));
            causes.invalid(field.at("name"), message);
        }
        let targets = [disk.disk.is_some(), disk.lun.is_some(), disk.cdrom.is_some()];
        if targets.into_iter().filter(|is_set| *is_set).count() > 1 {
            causes.invalid(&field, format!("{field} can only have a single target type defined"));
        }
        pci_address(&doubled.at("disk").index(place), disk, causes);
        if disk.boot_order == Some(0) {
            causes.invalid(field.at("bootOrder"), format!("{field} must have a boot order > 0, if supplied"));
        }
        bus_is_supported(&field, &doubled.index(place), disk, causes);
        serial(&field, disk, causes);
        modes(path, &field, &doubled.index(place), disk, causes);
        for fault in dns_label(&disk.name) {
            causes.invalid(doubled.index(place).at("name"), fault);
        }
        block_size::validate(&field.at("blockSize"), disk, causes);
    }
}

/// How a disk appears, and its bus.
pub(super) fn target(disk: &Disk) -> (&'static str, &str) {
    if let Some(disk) = &disk.disk {
        ("disk", text(&disk.bus))
    } else if let Some(lun) = &disk.lun {
        ("lun", text(&lun.bus))
    } else if let Some(cdrom) = &disk.cdrom {
        ("cdrom", text(&cdrom.bus))
    } else {
        ("", "")
    }
}

fn pci_address(field: &Path, disk: &Disk, causes: &mut Causes) {
    let Some(target) = &disk.disk else { return };
    let address = text(&target.pci_address);
    if address.is_empty() {
        return;
    }
    if text(&target.bus) != "virtio" {
        let message =
            format!("disk {} - setting a PCI address is only possible with bus type virtio.", field.at("name"));
        causes.invalid(field.at("pciAddress"), message);
    }
    if !is_pci_address(address) {
        let message = format!("disk {} has malformed PCI address ({address}).", field.at("name"));
        causes.invalid(field.at("pciAddress"), message);
    }
}

/// Whether a text is `domain:bus:slot.function` in hexadecimal digits.
pub(super) fn is_pci_address(text: &str) -> bool {
    let pattern = b"hhhh:hh:hh.o";
    text.len() == pattern.len()
        && text.bytes().zip(pattern).all(|(found, wanted)| match wanted {
            b'h' => found.is_ascii_hexdigit(),
            b'o' => (b'0'..=b'7').contains(&found),
            _ => found == *wanted,
        })
}

fn bus_is_supported(field: &Path, doubled: &Path, disk: &Disk, causes: &mut Causes) {
    let (kind, bus) = target(disk);
    let bus_field = field.at(kind).at("bus");
    match bus {
        "" => return,
        "ide" => causes.invalid(bus_field, "IDE bus is not supported"),
        "virtio" if kind == "cdrom" => {
            causes.invalid(bus_field, format!("Bus type {bus} is invalid for CD-ROM device"));
        }
        "sata" if disk.disk.as_ref().is_some_and(|disk| disk.readonly == Some(true)) => {
            causes.invalid(field.at("disk.bus"), format!("{bus} hard-disks do not support read-only."));
        }
        "virtio" | "sata" | "scsi" | "usb" => {}
        _ => {
            let message =
                format!("{field} is set with an unrecognized bus {bus}, must be one of: [virtio scsi sata usb]");
            causes.invalid(bus_field, message);
        }
    }
    if disk.dedicated_io_thread == Some(true) && bus != "virtio" {
        causes.not_supported(doubled, format!("IOThreads are not supported for disks on a {bus} bus"));
    }
}

fn serial(field: &Path, disk: &Disk, causes: &mut Causes) {
    let serial = text(&disk.serial);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    if !serial.chars().all(allowed) {
        let message = format!("{field} must be made up of the following characters [A-Za-z0-9_.+-], if specified");
        causes.invalid(field.at("serial"), message);
    }
    if serial.chars().count() > SERIAL {
        let message = format!("{field} must be less than or equal to {SERIAL} in length, if specified");
        causes.invalid(field.at("serial"), message);
    }
}

fn modes(path: &Path, field: &Path, doubled: &Path, disk: &Disk, causes: &mut Causes) {
    let (cache, io) = (text(&disk.cache), text(&disk.io));
    if !["", "none", "writethrough", "writeback"].contains(&cache) {
        let field = field.at("cache");
        causes.invalid(&field, format!("{field} has invalid value {cache}"));
    }
    if !["", "native", "threads"].contains(&io) {
        let message = format!("Disk IO mode for {path} is not supported. Supported modes are: native, threads.");
        causes.not_supported(doubled.at("io"), message);
    }
    if let Some(policy) = &disk.error_policy
        && !["stop", "ignore", "report", "enospace"].contains(&policy.as_str())
    {
        let field = field.at("errorPolicy");
        causes.invalid(&field, format!("{field} has invalid value \"{policy}\""));
    }
}

#[cfg(test)]
mod tests {
    use super::is_pci_address;

    #[test]
    fn a_pci_address_has_four_parts() {
        assert!(is_pci_address("0000:81:0a.7"));
        for bad in ["", "0000:81:0a.8", "000:81:0a.0", "0000:81:0a", "0000-81-0a.0", "0000:81:0g.0"] {
            assert!(!is_pci_address(bad), "{bad}");
        }
    }
}
