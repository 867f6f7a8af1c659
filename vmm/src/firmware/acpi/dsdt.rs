//! The differentiated system description table: the devices in AML (ACPI 6.5, 5.2.11.1 and chapter 19).

use super::{AcpiConfig, OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::firmware::Cpu;
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::aml::{
    And, Device, EISAName, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule, IO, If, Interrupt,
    Local, Memory32Fixed, Method, Name, Notify, OpRegion, OpRegionSpace, Package, Path, ResourceTemplate, Scope, Store,
    ZERO,
};
use acpi_tables::sdt::Sdt;
use devices::acpi::{GedEvents, S5_SLEEP_TYPE, SELECT};
use std::ops::Range;

/// Revision 2 and later: integers have 64 bits.
const REVISION: u8 = 2;
const HEADER_LENGTH: u32 = 36;
/// `_STA`: present, enabled, shown, working (ACPI 6.5, 6.3.7).
const STATUS_PRESENT: u8 = 0x0f;
/// Notification of a pressed power button (ACPI 6.5, 5.6.6).
const BUTTON_PRESSED: u8 = 0x80;

/// The table.
pub(super) fn build(config: &AcpiConfig) -> Sdt {
    let mut aml = Vec::new();
    sleep_states(&mut aml);
    let mut devices = Vec::new();
    for (uid, cpu) in (0..=u8::MAX).zip(&config.cpus) {
        processor(&mut devices, uid, *cpu);
    }
    generic_events(&mut devices);
    serial(&mut devices);
    clock(&mut devices);
    for slot in &config.virtio_mmio_slots {
        virtio_mmio(&mut devices, *slot);
    }
    aml.extend(Scope::raw(Path::new("_SB_"), devices));
    let mut dsdt = Sdt::new(*b"DSDT", HEADER_LENGTH, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    dsdt.append_slice(&aml);
    dsdt
}

/// S5, soft off, is the only sleep state (ACPI 6.5, 7.4.2); S0 is always there.
fn sleep_states(aml: &mut Vec<u8>) {
    let values = Package::new(vec![&S5_SLEEP_TYPE, &S5_SLEEP_TYPE, &ZERO, &ZERO]);
    Name::new(Path::new("_S5_"), &values).to_aml_bytes(aml);
}

/// A processor (ACPI 6.5, 8.4); its `_UID` is the one in the MADT.
fn processor(aml: &mut Vec<u8>, uid: u8, cpu: Cpu) {
    let hid = Name::new(Path::new("_HID"), &"ACPI0007");
    let uid_name = Name::new(Path::new("_UID"), &uid);
    let status = if cpu.present { STATUS_PRESENT } else { 0 };
    let status = Name::new(Path::new("_STA"), &status);
    let name = Path::new(&format!("C{uid:03X}"));
    Device::new(name, vec![&hid, &uid_name, &status]).to_aml_bytes(aml);
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

/// ResourceConsumer, Edge, ActiveHigh, Exclusive.
fn edge_interrupt(line: u32) -> Interrupt {
    Interrupt::new(true, true, false, false, line)
}

fn ports(range: &Range<u64>) -> IO {
    let first = u16::try_from(range.start).unwrap_or(u16::MAX);
    let count = u8::try_from(range.end - range.start).unwrap_or(u8::MAX);
    IO::new(first, first, 1, count)
}

/// The layout has the device below 4 GiB.
fn below_4g(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
