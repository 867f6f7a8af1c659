//! The ACPI tables for firmware: as files, and with a script by which it places them ("QEMU's linker/loader interface").
//!
//! Commands have 128 bytes, little-endian; names 56 bytes, ended by a NUL:
//!
//! | command | fields |
//! |---|---|
//! | 1, allocate | file; alignment (4 bytes); zone (1): 1 anywhere below 4 GiB, 2 where the RSDP is searched |
//! | 2, add pointer | file to change; file pointed to; offset (4); width (1): adds the address of the latter |
//! | 3, add checksum | file; offset of the sum (4); start (4) and length (4) of what is summed up |
//!
//! The tables are those of a kernel boot, assembled for address 0: what stands in their pointers is the offset in the
//! file, to which the firmware adds the address it has given the file.

use super::acpi::{self, ALIGNMENT, AcpiConfig, Checksum, OEM_ID, Pointer};
use acpi_tables::Aml;
use acpi_tables::rsdp::Rsdp;
use devices::firmware::fw_cfg::LateFiles;
use std::ops::Range;

const SCRIPT: &str = "etc/table-loader";
const RSDP: &str = "etc/acpi/rsdp";
const TABLES: &str = "etc/acpi/tables";

const COMMAND: usize = 128;
const NAME: usize = 56;
const ALLOCATE: u32 = 1;
const ADD_POINTER: u32 = 2;
const ADD_CHECKSUM: u32 = 3;
const ZONE_HIGH: u8 = 1;
/// 0xF0000-0xFFFFF.
const ZONE_FSEG: u8 = 2;
/// The RSDP's boundary (ACPI 6.5, 5.2.5.1).
const RSDP_ALIGNMENT: usize = 16;

/// The RSDP's pointer to the XSDT, and its two checksums (ACPI 6.5, table 5.3).
const RSDP_XSDT: Pointer = Pointer { offset: 24, width: 8 };
const RSDP_CHECKSUM: (usize, Range<usize>) = (8, 0..20);
const RSDP_EXTENDED_CHECKSUM: (usize, Range<usize>) = (32, 0..36);

/// Bytes that the tables may grow by when firmware has moved configuration space: a window that it cuts in two is
/// described twice.
const ROOM: usize = 4096;

/// The tables of a machine, built when firmware asks for them.
pub(crate) struct FirmwareTables {
    sizes: [(&'static str, usize); 3],
    config: Box<dyn Fn() -> AcpiConfig + Send>,
}

impl FirmwareTables {
    /// Tables of what `config` says when they are built. What it says now has the same processors and board.
    pub(crate) fn new(config: Box<dyn Fn() -> AcpiConfig + Send>) -> Self {
        let Files { script, rsdp, tables } = files(&config());
        let room = tables.len().next_multiple_of(ROOM) + ROOM;
        Self { sizes: [(SCRIPT, script.len()), (RSDP, rsdp.len()), (TABLES, room)], config }
    }
}

impl LateFiles for FirmwareTables {
    fn sizes(&self) -> Vec<(&'static str, usize)> {
        self.sizes.to_vec()
    }

    fn build(&self) -> Vec<Vec<u8>> {
        let Files { script, rsdp, tables } = files(&(self.config)());
        vec![script, rsdp, tables]
    }
}

struct Files {
    script: Vec<u8>,
    rsdp: Vec<u8>,
    tables: Vec<u8>,
}

fn files(config: &AcpiConfig) -> Files {
    let (assembly, xsdt) = acpi::assemble(config, 0);
    let mut tables = assembly.bytes;
    let mut rsdp = Vec::new();
    Rsdp::new(OEM_ID, xsdt).to_aml_bytes(&mut rsdp);

    let mut script = allocate(RSDP, RSDP_ALIGNMENT, ZONE_FSEG);
    script.extend(allocate(TABLES, ALIGNMENT, ZONE_HIGH));
    for pointer in assembly.pointers {
        script.extend(add_pointer(TABLES, pointer));
    }
    script.extend(add_pointer(RSDP, RSDP_XSDT));
    for checksum in assembly.checksums {
        script.extend(add_checksum(TABLES, &mut tables, &checksum));
    }
    for (offset, range) in [RSDP_CHECKSUM, RSDP_EXTENDED_CHECKSUM] {
        script.extend(add_checksum(RSDP, &mut rsdp, &Checksum { offset, range }));
    }
    Files { script, rsdp, tables }
}

fn allocate(file: &str, alignment: usize, zone: u8) -> Vec<u8> {
    let mut fields = name(file);
    fields.extend(number(alignment));
    fields.push(zone);
    command(ALLOCATE, fields)
}

/// All pointers are to the tables.
fn add_pointer(file: &str, Pointer { offset, width }: Pointer) -> Vec<u8> {
    let mut fields = name(file);
    fields.extend(name(TABLES));
    fields.extend(number(offset));
    fields.push(width);
    command(ADD_POINTER, fields)
}

/// Some firmware sums up what stands in the checksum's place, too: it must be zero.
fn add_checksum(file: &str, bytes: &mut [u8], Checksum { offset, range }: &Checksum) -> Vec<u8> {
    if let Some(sum) = bytes.get_mut(*offset) {
        *sum = 0;
    }
    let mut fields = name(file);
    for field in [*offset, range.start, range.len()] {
        fields.extend(number(field));
    }
    command(ADD_CHECKSUM, fields)
}

fn command(command: u32, fields: Vec<u8>) -> Vec<u8> {
    let mut bytes = command.to_le_bytes().to_vec();
    bytes.extend(fields);
    bytes.resize(COMMAND, 0);
    bytes
}

fn name(file: &str) -> Vec<u8> {
    file.bytes().chain(std::iter::repeat(0)).take(NAME).collect()
}

/// Offsets and lengths within the tables, which have some KiB.
fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
