//! Tests of the ACPI tables: their bytes, and what ACPICA's compiler says of them.

use super::*;
use crate::memory::layout;
use crate::testing::skip;
use std::path::Path;
use std::process::Command;

const BASE: u64 = layout::ACPI_TABLES.start;

fn config(apic_ids: &[u8], present: usize, slots: usize) -> AcpiConfig {
    let cpus = apic_ids.iter().enumerate().map(|(index, apic_id)| Cpu { apic_id: *apic_id, present: index < present });
    AcpiConfig { cpus: cpus.collect(), virtio_mmio_slots: (0..slots).collect() }
}

fn typical() -> AcpiTables {
    build(&config(&[0, 1, 2, 4, 5, 6], 4, 3), BASE)
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// The table at a guest address.
fn table(tables: &AcpiTables, address: u64) -> &[u8] {
    let from = &tables.blob[usize::try_from(address - BASE).unwrap()..];
    &from[..u32_at(from, 4) as usize]
}

/// Follows the pointers as a guest does: FADT, MADT, DSDT.
fn follow(tables: &AcpiTables) -> [&[u8]; 3] {
    let rsdp = &tables.blob[usize::try_from(tables.rsdp - BASE).unwrap()..][..36];
    let xsdt = table(tables, u64_at(rsdp, 24));
    let (fadt, madt) = (table(tables, u64_at(xsdt, 36)), table(tables, u64_at(xsdt, 44)));
    [fadt, madt, table(tables, u64_at(fadt, 140))]
}

#[test]
fn a_guest_finds_all_tables_and_their_checksums_hold() {
    let tables = typical();
    let rsdp = &tables.blob[usize::try_from(tables.rsdp - BASE).unwrap()..][..36];
    assert_eq!(&rsdp[..8], b"RSD PTR ");
    assert_eq!((rsdp[15], sum(&rsdp[..20]), sum(rsdp)), (2, 0, 0));
    assert_eq!(tables.rsdp % 16, 0);
    let xsdt = table(&tables, u64_at(rsdp, 24));
    assert_eq!((&xsdt[..4], xsdt.len(), sum(xsdt)), (b"XSDT".as_slice(), 36 + 2 * 8, 0));
    for (table, signature) in follow(&tables).into_iter().zip([b"FACP", b"APIC", b"DSDT"]) {
        assert_eq!((&table[..4], sum(table)), (signature.as_slice(), 0));
    }
}

#[test]
fn the_fadt_promises_what_the_board_has() {
    let tables = typical();
    let [fadt, ..] = follow(&tables);
    assert_eq!(fadt.len(), 276, "the length of ACPI 6");
    assert_eq!((fadt[8], fadt[131]), (6, 5), "ACPI 6.5");
    let boot_arch = u16::from_le_bytes([fadt[109], fadt[110]]);
    assert_eq!(boot_arch, 0b000_0111, "ISA devices, 8042, no VGA; MSI allowed, CMOS clock present");
    let flags = u32_at(fadt, 112);
    assert_eq!(flags, 1 << 20 | 1 << 12 | 1 << 10 | 1 << 6 | 1 << 5 | 1 << 4 | 1);
    let register = |offset: usize| (fadt[offset], fadt[offset + 1], fadt[offset + 2], fadt[offset + 3]);
    for (offset, address) in [(116, 0x10), (244, 0x08), (256, 0x0c)] {
        assert_eq!(register(offset), (0, 8, 0, 1), "one byte of memory");
        assert_eq!(u64_at(fadt, offset + 4), layout::GED.start + address);
    }
    assert_eq!((fadt[128], fadt[108]), (1, 0x32), "reset value, century");
    let fixed_hardware = [&fadt[46..96], &fadt[148..244]].concat();
    assert!(fixed_hardware.iter().all(|byte| *byte == 0), "hardware-reduced: no fixed hardware");
}

#[test]
fn the_madt_lists_present_and_possible_processors_by_apic_id() {
    let tables = typical();
    let [_, madt, _] = follow(&tables);
    assert_eq!(u32_at(madt, 36), 0xfee0_0000);
    assert_eq!(u32_at(madt, 40), 1, "the 8259s are there");
    let (mut rest, mut processors, mut others) = (&madt[44..], Vec::new(), Vec::new());
    while let [kind, length, ..] = rest {
        let (entry, next) = rest.split_at(usize::from(*length));
        match kind {
            0 => processors.push((entry[2], entry[3], u32_at(entry, 4))),
            _ => others.push(entry.to_vec()),
        }
        rest = next;
    }
    assert_eq!(processors, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 4, 1), (4, 5, 2), (5, 6, 2)]);
    let io_apic = vec![1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0];
    assert_eq!(others, [io_apic, vec![4, 6, 0xff, 0, 0, 1]]);
}

#[test]
fn the_largest_machine_fits_the_tables_area() {
    let ids: Vec<u8> = (0..=254).collect();
    let tables = build(&config(&ids, 1, layout::VIRTIO_MMIO_SLOTS), BASE);
    assert!(tables.blob.len() as u64 <= layout::ACPI_TABLES.end - BASE, "{} bytes", tables.blob.len());
}

/// Runs `iasl` in `directory` and returns what it says.
fn iasl(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("iasl").current_dir(directory).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "iasl {arguments:?}:\n{said}");
    said
}

#[test]
fn iasl_disassembles_and_recompiles_every_table_without_error_or_warning() {
    if Command::new("iasl").arg("-v").output().is_err() {
        return skip("iasl is not installed (Debian package acpica-tools)");
    }
    let many: Vec<u8> = (0..64).collect();
    for config in [config(&[0], 1, 1), config(&[0, 1, 2, 4, 5, 6], 4, 3), config(&many, 16, 16), config(&[7], 1, 0)] {
        let tables = build(&config, BASE);
        let directory = tempfile::tempdir().unwrap();
        for (table, name) in follow(&tables).into_iter().zip(["facp", "apic", "dsdt"]) {
            std::fs::write(directory.path().join(format!("{name}.dat")), table).unwrap();
            let source = format!("{name}.dsl");
            let said = iasl(directory.path(), &["-d", &format!("{name}.dat")]);
            let text = std::fs::read_to_string(directory.path().join(&source)).unwrap();
            for complaint in ["Error", "ERROR", "Warning", "WARNING", "Invalid", "Unknown", "**** "] {
                assert!(!said.contains(complaint) && !text.contains(complaint), "{complaint}:\n{said}\n{text}");
            }
            let said = iasl(directory.path(), &[&source]);
            assert!(said.contains("0 Errors") || said.contains("Table bodies compiled"), "{said}");
            assert!(!said.contains("Error  ") && !said.contains("Warning  "), "{said}\n{text}");
            let again = std::fs::read(directory.path().join(format!("{name}.aml"))).unwrap();
            assert_eq!(again[36..], table[36..], "recompiling {name} gives the same bytes\n{text}");
        }
    }
}
