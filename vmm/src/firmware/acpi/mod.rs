//! The ACPI 6.5 tables of every board: RSDP, XSDT, FADT, MADT and DSDT; with PCI also FACS and MCFG. The microvm
//! board's are hardware-reduced (4.1).
//!
//! The tables promise what the board has and nothing else: a guest waits for what is promised and absent.

mod assembly;
mod dsdt;
mod fadt;
mod madt;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(crate) use assembly::{ALIGNMENT, Assembly, Checksum, Pointer};

use super::Cpu;
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::facs::FACS;
use acpi_tables::mcfg::MCFG;
use acpi_tables::rsdp::Rsdp;
use acpi_tables::xsdt::XSDT;
use std::ops::Range;

pub(crate) const OEM_ID: [u8; 6] = *b"PODVSR";
const OEM_TABLE_ID: [u8; 8] = *b"PODVISOR";
const OEM_REVISION: u32 = 1;
/// Where the addresses begin in the XSDT (ACPI 6.5, table 5.8).
const XSDT_ENTRIES: usize = 36;
/// The version of the FACS since ACPI 4.0.
const FACS_VERSION: u8 = 2;
/// Configuration space of one bus.
const ECAM_BUS_SIZE: u64 = 1 << 20;

/// What differs from machine to machine. Other addresses and lines are the layout's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcpiConfig {
    /// Present and possible processors, the boot processor first.
    pub(crate) cpus: Vec<Cpu>,
    /// The board, and where its devices are.
    pub(crate) board: AcpiBoard,
}

/// The boards that have ACPI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AcpiBoard {
    /// The virtio-mmio slots that have a device.
    Microvm { virtio_mmio_slots: Vec<usize> },
    /// PCI and the ICH9.
    Q35(PciHost),
}

/// Where PCI is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PciHost {
    /// Configuration space from bus 0 on, 1 MiB for each bus. It may lie in the 32-bit window, which then has a hole.
    pub(crate) ecam: Range<u64>,
    /// No bus has a higher number; all ones where only the guest's firmware knows. Linux looks for devices on every bus
    /// up to the last that it is told of: with 256 buses more than half of the time until its first program went there.
    pub(crate) highest_bus: u8,
    /// Where 32-bit BARs may be.
    pub(crate) window32: Range<u64>,
    /// Where 64-bit BARs may be.
    pub(crate) window64: Range<u64>,
}

impl PciHost {
    /// Where a machine with `ram_size` bytes of RAM has PCI when no firmware moves it.
    pub(crate) fn at_power_on(ram_size: u64) -> Self {
        Self {
            ecam: layout::ECAM,
            highest_bus: u8::MAX,
            window32: layout::PCI_WINDOW32,
            window64: layout::pci_window64(ram_size),
        }
    }

    /// The last bus that the tables name: one that there may be, and that configuration space reaches.
    fn last_bus(&self) -> u8 {
        let buses = (self.ecam.end - self.ecam.start) / ECAM_BUS_SIZE;
        u8::try_from(buses.saturating_sub(1)).unwrap_or(u8::MAX).min(self.highest_bus)
    }
}

/// The tables as they stand in guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcpiTables {
    /// All tables, to be put at the address they were built for.
    pub(crate) blob: Vec<u8>,
    /// Address of the RSDP, which the boot protocols hand over.
    pub(crate) rsdp: u64,
}

/// Builds the tables for guest address `base`, a multiple of 64 below 4 GiB. The RSDP comes first.
pub(crate) fn build(config: &AcpiConfig, base: u64) -> AcpiTables {
    let mut blob = Vec::new();
    let first = Rsdp::len().next_multiple_of(ALIGNMENT);
    let (tables, xsdt) = assemble(config, base + first as u64);
    Rsdp::new(OEM_ID, xsdt).to_aml_bytes(&mut blob);
    blob.resize(first, 0);
    blob.extend(tables.bytes);
    AcpiTables { blob, rsdp: base }
}

/// All tables but the RSDP, for guest address `base`, a multiple of 64 below 4 GiB; and the address of the XSDT, which
/// the RSDP names.
pub(crate) fn assemble(config: &AcpiConfig, base: u64) -> (Assembly, u64) {
    let mut assembly = Assembly::new(base);
    let dsdt = assembly.append(&dsdt::build(config));
    let mut tables = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    let mut entries = 0;
    let mut name = |address| {
        tables.add_entry(address);
        entries += 1;
    };
    match &config.board {
        AcpiBoard::Microvm { .. } => {
            name(assembly.append_linked(&fadt::reduced(dsdt), [fadt::DSDT]));
            name(assembly.append(&madt::build(&config.cpus, None)));
        }
        AcpiBoard::Q35(pci) => {
            let facs = assembly.append(&facs());
            name(assembly.append_linked(&fadt::full(dsdt, facs), [fadt::FACS, fadt::DSDT]));
            name(assembly.append(&madt::build(&config.cpus, Some(layout::SCI_IRQ))));
            let mut mcfg = MCFG::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
            mcfg.add_ecam(pci.ecam.start, 0, 0, pci.last_bus());
            name(assembly.append(&mcfg));
        }
    }
    let entries = (0..entries).map(|entry| Pointer { offset: XSDT_ENTRIES + entry * 8, width: 8 });
    let xsdt = assembly.append_linked(&tables, entries);
    (assembly, xsdt)
}

/// The firmware control structure (ACPI 6.5, 5.2.10). No firmware runs that would share its lock or wake the guest by
/// its vectors, so that it may be with the other tables, in memory that a guest takes back after reading them.
fn facs() -> FACS {
    let mut facs = FACS::new();
    facs.version = FACS_VERSION;
    facs
}
