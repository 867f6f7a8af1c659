//! Preferences for firmware.

use crate::api::instancetype::FirmwarePreferences;
use crate::api::vmi::{Bios, Efi, Firmware};

/// Chooses the firmware that is liked where none is chosen.
pub(super) fn apply(liked: &FirmwarePreferences, firmware: &mut Firmware) {
    let chosen = firmware.bootloader.get_or_insert_default();
    let is_open = chosen.bios.is_none() && chosen.efi.is_none();
    if is_open && liked.preferred_use_bios == Some(true) {
        chosen.bios = Some(Bios::default());
    }
    if let Some(bios) = &mut chosen.bios {
        bios.use_serial = bios.use_serial.or(liked.preferred_use_bios_serial);
    }
    let is_open = chosen.bios.is_none() && chosen.efi.is_none();
    if is_open && liked.preferred_efi.is_some() {
        chosen.efi = liked.preferred_efi.clone();
        return;
    }
    if is_open && liked.preferred_use_efi == Some(true) {
        chosen.efi = Some(Efi::default());
    }
    if let Some(efi) = &mut chosen.efi {
        efi.secure_boot = efi.secure_boot.or(liked.preferred_use_secure_boot);
    }
}
