//! Hardware-reduced ACPI 6.5 for the microvm board (ACPI 6.5, 4.1): RSDP, XSDT, FADT, MADT and DSDT.
//!
//! The tables promise what the board has and nothing else: a guest waits for what is promised and absent.

mod dsdt;
mod fadt;
mod madt;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::Cpu;
use acpi_tables::Aml;
use acpi_tables::rsdp::Rsdp;
use acpi_tables::xsdt::XSDT;

const OEM_ID: [u8; 6] = *b"PODVSR";
const OEM_TABLE_ID: [u8; 8] = *b"PODVMICR";
const OEM_REVISION: u32 = 1;
/// Tables begin on this boundary; the RSDP must be on 16 bytes (ACPI 6.5, 5.2.5.1).
const ALIGNMENT: usize = 16;

/// What differs from machine to machine. Addresses and lines are the layout's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcpiConfig {
    /// Present and possible processors, the boot processor first.
    pub(crate) cpus: Vec<Cpu>,
    /// The virtio-mmio slots that have a device.
    pub(crate) virtio_mmio_slots: Vec<usize>,
}

/// The tables as they stand in guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcpiTables {
    /// All tables, to be put at the address they were built for.
    pub(crate) blob: Vec<u8>,
    /// Address of the RSDP, which the boot protocols hand over.
    pub(crate) rsdp: u64,
}

/// Builds the tables for guest address `base`, a multiple of 16. The RSDP comes first.
pub(crate) fn build(config: &AcpiConfig, base: u64) -> AcpiTables {
    let mut blob = vec![0; Rsdp::len()];
    let dsdt = place(&mut blob, base, &dsdt::build(config));
    let fadt = place(&mut blob, base, &fadt::build(dsdt));
    let madt = place(&mut blob, base, &madt::build(&config.cpus));
    let mut tables = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    tables.add_entry(fadt);
    tables.add_entry(madt);
    let xsdt = place(&mut blob, base, &tables);
    let mut rsdp = Vec::new();
    Rsdp::new(OEM_ID, xsdt).to_aml_bytes(&mut rsdp);
    for (place, byte) in blob.iter_mut().zip(rsdp) {
        *place = byte;
    }
    AcpiTables { blob, rsdp: base }
}

/// Appends `table` and returns its guest address.
fn place(blob: &mut Vec<u8>, base: u64, table: &dyn Aml) -> u64 {
    blob.resize(blob.len().next_multiple_of(ALIGNMENT), 0);
    let address = base + blob.len() as u64;
    table.to_aml_bytes(blob);
    address
}
