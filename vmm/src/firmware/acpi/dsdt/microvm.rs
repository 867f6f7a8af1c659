//! The devices of the microvm board.

use super::{edge_interrupt, legacy};
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::aml::{
    And, Device, EISAName, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule, If, Local,
    Memory32Fixed, Method, Name, Notify, OpRegion, OpRegionSpace, Path, ResourceTemplate, Store, ZERO,
};
use devices::acpi::{GedEvents, SELECT};

/// Notification of a pressed power button (ACPI 6.5, 5.6.6).
const BUTTON_PRESSED: u8 = 0x80;

/// The devices below `_SB_`.
pub(super) fn devices(aml: &mut Vec<u8>, virtio_mmio_slots: &[usize]) {
    generic_events(aml);
    legacy::devices(aml);
    for slot in virtio_mmio_slots {
        virtio_mmio(aml, *slot);
    }
}

/// The generic event device (ACPI 6.5, 5.6.9) and the power button it speaks for.
fn generic_events(aml: &mut Vec<u8>) {
    let button_hid = Name::new(Path::new("_HID"), &EISAName::new("PNP0C0C"));
    let button_uid = Name::new(Path::new("_UID"), &ZERO);
    Device::new(Path::new("PWRB"), vec![&button_hid, &button_uid]).to_aml_bytes(aml);

    let hid = Name::new(Path::new("_HID"), &"ACPI0013");
    let uid = Name::new(Path::new("_UID"), &ZERO);
    let interrupt = edge_interrupt(layout::GED_IRQ);
    let resources = ResourceTemplate::new(vec![&interrupt]);
    let resources = Name::new(Path::new("_CRS"), &resources);
    let select_address = layout::GED.start + SELECT;
    let region = OpRegion::new(Path::new("EREG"), OpRegionSpace::SystemMemory, &select_address, &4u8);
    let select = Field::new(
        Path::new("EREG"),
        FieldAccessType::DWord,
        FieldLockRule::NoLock,
        FieldUpdateRule::WriteAsZeroes,
        vec![FieldEntry::Named(*b"ESEL", 32)],
    );
    // Reading the register clears it: it is read once, into a local variable.
    let (events, bit, field) = (Local(0), Local(1), Path::new("ESEL"));
    let read = Store::new(&events, &field);
    let power_button = GedEvents::POWER_BUTTON.bits();
    let test = And::new(&bit, &events, &power_button);
    let button = Path::new("PWRB");
    let pressed = Notify::new(&button, &BUTTON_PRESSED);
    let if_pressed = If::new(&bit, vec![&pressed]);
    let handler = Method::new(Path::new("_EVT"), 1, true, vec![&read, &test, &if_pressed]);
    Device::new(Path::new("GED_"), vec![&hid, &uid, &resources, &region, &select, &handler]).to_aml_bytes(aml);
}

/// A virtio device over MMIO (VIRTIO 1.2, 4.2). Its interrupt is edge-triggered and its own.
fn virtio_mmio(aml: &mut Vec<u8>, slot: usize) {
    let range = layout::virtio_mmio_range(slot);
    let hid = Name::new(Path::new("_HID"), &"LNRO0005");
    let uid = Name::new(Path::new("_UID"), &slot);
    let coherent = Name::new(Path::new("_CCA"), &1u8);
    let registers = Memory32Fixed::new(true, below_4g(range.start), below_4g(range.end - range.start));
    let interrupt = edge_interrupt(layout::virtio_mmio_irq(slot));
    let resources = ResourceTemplate::new(vec![&registers, &interrupt]);
    let resources = Name::new(Path::new("_CRS"), &resources);
    let name = Path::new(&format!("VR{:02X}", slot & 0xff));
    Device::new(name, vec![&hid, &uid, &coherent, &resources]).to_aml_bytes(aml);
}

/// The layout has the device below 4 GiB.
fn below_4g(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
