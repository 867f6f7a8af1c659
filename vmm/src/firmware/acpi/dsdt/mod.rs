//! The differentiated system description table: the devices in AML (ACPI 6.5, 5.2.11.1 and chapter 19).

mod host_bridge;
mod legacy;
mod microvm;
mod q35;

use super::{AcpiBoard, AcpiConfig, OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::firmware::Cpu;
use acpi_tables::Aml;
use acpi_tables::aml::{Device, IO, Interrupt, Name, Package, Path, Scope, ZERO};
use acpi_tables::sdt::Sdt;
use devices::{acpi, ich9};
use std::ops::Range;

/// Revision 2 and later: integers have 64 bits.
const REVISION: u8 = 2;
const HEADER_LENGTH: u32 = 36;
/// `_STA`: present, enabled, shown, working (ACPI 6.5, 6.3.7).
const STATUS_PRESENT: u8 = 0x0f;

/// The table.
pub(super) fn build(config: &AcpiConfig) -> Sdt {
    let (mut aml, mut devices) = (Vec::new(), Vec::new());
    for (uid, cpu) in (0..=u8::MAX).zip(&config.cpus) {
        processor(&mut devices, uid, *cpu);
    }
    let s5 = match &config.board {
        AcpiBoard::Microvm { virtio_mmio_slots } => {
            microvm::devices(&mut devices, virtio_mmio_slots);
            acpi::S5_SLEEP_TYPE
        }
        AcpiBoard::Q35(pci) => {
            q35::devices(&mut devices, pci);
            ich9::S5_SLEEP_TYPE
        }
    };
    sleep_states(&mut aml, s5);
    aml.extend(Scope::raw(Path::new("_SB_"), devices));
    let mut dsdt = Sdt::new(*b"DSDT", HEADER_LENGTH, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    dsdt.append_slice(&aml);
    dsdt
}

/// S5, soft off, is the only sleep state (ACPI 6.5, 7.4.2); S0 is always there.
fn sleep_states(aml: &mut Vec<u8>, s5: u8) {
    let values = Package::new(vec![&s5, &s5, &ZERO, &ZERO]);
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

/// ResourceConsumer, Edge, ActiveHigh, Exclusive.
fn edge_interrupt(line: u32) -> Interrupt {
    Interrupt::new(true, true, false, false, line)
}

fn ports(range: &Range<u64>) -> IO {
    let first = u16::try_from(range.start).unwrap_or(u16::MAX);
    let count = u8::try_from(range.end - range.start).unwrap_or(u8::MAX);
    IO::new(first, first, 1, count)
}
