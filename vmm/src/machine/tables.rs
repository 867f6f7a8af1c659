//! What tells the guest of its board: ACPI tables, or else an MP table and command-line arguments, never both; and the
//! SMBIOS tables.

use super::MachineError;
use super::identity::identity;
use crate::arch::x86_64::topology::Topology;
use crate::boot::BootContext;
use crate::config::{BoardConfig, PayloadConfig, VmConfig};
use crate::firmware::acpi::{self, AcpiBoard, AcpiConfig, PciHost};
use crate::firmware::{Cpu, mptable, smbios};
use crate::memory::{GuestRam, layout};
use std::ops::Range;
use vm_memory::{Bytes, GuestAddress};

/// What the kernel is told.
pub(super) fn boot_context(config: &VmConfig) -> BootContext {
    let PayloadConfig::Kernel { cmdline, .. } = &config.payload else { return BootContext::default() };
    match config.board {
        BoardConfig::Q35 {} => BootContext {
            cmdline: cmdline.clone(),
            rsdp: Some(layout::ACPI_TABLES.start),
            reserved: Some(layout::ECAM),
        },
        BoardConfig::Microvm { acpi: true } => {
            BootContext { cmdline: cmdline.clone(), rsdp: Some(layout::ACPI_TABLES.start), reserved: None }
        }
        BoardConfig::Microvm { acpi: false } => {
            let devices = mptable::virtio_mmio_cmdline(&virtio_slots(config));
            BootContext { cmdline: format!("{cmdline} {devices}").trim().to_owned(), rsdp: None, reserved: None }
        }
    }
}

/// Writes the tables by which the guest finds processors and devices.
pub(super) fn write(config: &VmConfig, topology: &Topology, ram: &GuestRam) -> Result<(), MachineError> {
    let cpus = cpus(config, topology)?;
    let board = match config.board {
        BoardConfig::Q35 {} => {
            // Bus numbers are assigned from 1 on, one behind each root port; their number fits.
            let highest_bus = u8::try_from(config.behind_root_ports().count()).unwrap_or(u8::MAX);
            Some(AcpiBoard::Q35(PciHost { highest_bus, ..PciHost::at_power_on(config.memory.boot) }))
        }
        BoardConfig::Microvm { acpi: true } => Some(AcpiBoard::Microvm { virtio_mmio_slots: virtio_slots(config) }),
        BoardConfig::Microvm { acpi: false } => None,
    };
    let (table, bytes, place) = match board {
        Some(board) => {
            let tables = acpi::build(&AcpiConfig { cpus, board }, layout::ACPI_TABLES.start);
            ("ACPI table", tables.blob, layout::ACPI_TABLES)
        }
        None => ("MP table", mptable::build(&cpus, layout::MP_TABLE.start), layout::MP_TABLE),
    };
    put(ram, table, &bytes, place)?;
    let place = layout::SMBIOS;
    let start = u32::try_from(place.start).unwrap_or(0); // below 1 MiB
    put(ram, "SMBIOS table", &smbios::in_memory(&identity(config), start), place)
}

fn put(ram: &GuestRam, table: &'static str, bytes: &[u8], place: Range<u64>) -> Result<(), MachineError> {
    if bytes.len() as u64 > place.end - place.start {
        return Err(MachineError::TableTooLarge { table, bytes: bytes.len() });
    }
    ram.write_slice(bytes, GuestAddress(place.start)).map_err(|source| MachineError::Table { table, source })
}

/// Present and possible processors. Ids beyond a byte are refused with the topology.
pub(super) fn cpus(config: &VmConfig, topology: &Topology) -> Result<Vec<Cpu>, MachineError> {
    let present = |index| index < config.cpus.boot;
    (0..)
        .zip(topology.apic_ids())
        .map(|(index, id)| {
            Ok(Cpu { apic_id: u8::try_from(id).map_err(|_| MachineError::ApicId(id))?, present: present(index) })
        })
        .collect()
}

/// The slots that have a device: the first ones.
fn virtio_slots(config: &VmConfig) -> Vec<usize> {
    (0..config.virtio_devices()).collect()
}
