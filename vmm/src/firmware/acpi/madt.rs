//! The multiple APIC description table (ACPI 6.5, 5.2.12).
//!
//! There are no interrupt source overrides: KVM's routing connects each ISA interrupt to the IOAPIC pin of the same
//! number, and all of them are edge-triggered and active high, as the ISA bus has it. So is the line of the generic
//! event device.

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
const LOCAL_APIC_NMI: u8 = 4;

const ENABLED: u32 = 1 << 0;
const ONLINE_CAPABLE: u32 = 1 << 1;
/// The id that KVM's IOAPIC has after a reset.
const IO_APIC_ID: u8 = 0;
const ALL_PROCESSORS: u8 = 0xff;

/// The table.
pub(super) fn build(cpus: &[Cpu]) -> Sdt {
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
