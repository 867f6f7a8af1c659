//! The multiple APIC description table (ACPI 6.5, 5.2.12).
//!
//! KVM's routing connects each ISA interrupt to the IOAPIC pin of the same number, and all of them are edge-triggered
//! and active high, as the ISA bus has it; so is the line of the generic event device. Only the system control
//! interrupt is another: it has an interrupt source override.

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::firmware::Cpu;
use crate::memory::layout;
use acpi_tables::sdt::Sdt;

/// Header, local APIC address and flags.
const LENGTH: u32 = 44;
/// The revision of ACPI 6.5; from 5 on, "online capable" means something.
const REVISION: u8 = 6;
/// The PC's two 8259s are there, too.
const PCAT_COMPATIBLE: u32 = 1 << 0;
const LOCAL_APIC_ADDRESS: usize = 36;
const FLAGS: usize = 40;

const LOCAL_APIC: u8 = 0;
const IO_APIC: u8 = 1;
const INTERRUPT_SOURCE_OVERRIDE: u8 = 2;
const LOCAL_APIC_NMI: u8 = 4;

const ENABLED: u32 = 1 << 0;
const ONLINE_CAPABLE: u32 = 1 << 1;
/// The id that KVM's IOAPIC has after a reset.
const IO_APIC_ID: u8 = 0;
const ALL_PROCESSORS: u8 = 0xff;
const ISA_BUS: u8 = 0;
/// Flags of an override: active high, level-triggered (table 5.26).
const LEVEL_HIGH: u16 = 0b1101;

/// The table, for a board with a system control interrupt on line `sci`, if it has one.
pub(super) fn build(cpus: &[Cpu], sci: Option<u32>) -> Sdt {
    let mut madt = Sdt::new(*b"APIC", LENGTH, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    // Both fit 32 bits: they are below 4 GiB.
    madt.write_bytes(LOCAL_APIC_ADDRESS, &low_address(layout::LAPIC.start));
    madt.write_u32(FLAGS, PCAT_COMPATIBLE);
    let mut entries = Vec::new();
    for (uid, cpu) in (0..=u8::MAX).zip(cpus) {
        entries.extend([LOCAL_APIC, 8, uid, cpu.apic_id]);
        entries.extend(if cpu.present { ENABLED } else { ONLINE_CAPABLE }.to_le_bytes());
    }
    entries.extend([IO_APIC, 12, IO_APIC_ID, 0]);
    entries.extend(low_address(layout::IOAPIC.start));
    // The IOAPIC's first global system interrupt.
    entries.extend(0u32.to_le_bytes());
    if let Some(line) = sci {
        // The line of the ISA bus has one byte, and goes to the pin of its number.
        let [source, ..] = line.to_le_bytes();
        entries.extend([INTERRUPT_SOURCE_OVERRIDE, 10, ISA_BUS, source]);
        entries.extend(line.to_le_bytes());
        entries.extend(LEVEL_HIGH.to_le_bytes());
    }
    // NMI at LINT1 of each local APIC; polarity and trigger conform to the bus.
    entries.extend([LOCAL_APIC_NMI, 6, ALL_PROCESSORS, 0, 0, 1]);
    madt.append_slice(&entries);
    madt
}

/// The low 32 bits of an address below 4 GiB.
fn low_address(address: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = address.to_le_bytes();
    [a, b, c, d]
}
