//! The devices of a PC that every board has.

use super::{edge_interrupt, ports};
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::aml::{Device, EISAName, Name, Path, ResourceTemplate, ZERO};

/// COM1 and the clock. The keyboard controller is not among them: the FADT tells of it, and it has no keyboard.
pub(super) fn devices(aml: &mut Vec<u8>) {
    serial(aml);
    clock(aml);
}

/// COM1: a 16550A.
fn serial(aml: &mut Vec<u8>) {
    let hid = Name::new(Path::new("_HID"), &EISAName::new("PNP0501"));
    let uid = Name::new(Path::new("_UID"), &ZERO);
    let description = Name::new(Path::new("_DDN"), &"COM1");
    let (ports, interrupt) = (ports(&layout::SERIAL_PORTS), edge_interrupt(layout::SERIAL_IRQ));
    let resources = ResourceTemplate::new(vec![&ports, &interrupt]);
    let resources = Name::new(Path::new("_CRS"), &resources);
    Device::new(Path::new("COM1"), vec![&hid, &uid, &description, &resources]).to_aml_bytes(aml);
}

/// The clock. It has no interrupt line: its alarm is a register only.
fn clock(aml: &mut Vec<u8>) {
    let hid = Name::new(Path::new("_HID"), &EISAName::new("PNP0B00"));
    let ports = ports(&layout::RTC_PORTS);
    let resources = ResourceTemplate::new(vec![&ports]);
    let resources = Name::new(Path::new("_CRS"), &resources);
    Device::new(Path::new("RTC_"), vec![&hid, &resources]).to_aml_bytes(aml);
}
