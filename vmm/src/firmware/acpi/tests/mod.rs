//! Tests of the ACPI tables: their bytes, and what ACPICA's compiler says of them.

mod microvm;
mod q35;

use super::*;
use crate::memory::layout;
use crate::testing::skip;
use std::path::Path;
use std::process::Command;

const BASE: u64 = layout::ACPI_TABLES.start;

fn cpus(apic_ids: &[u8], present: usize) -> Vec<Cpu> {
    let cpus = apic_ids.iter().enumerate();
    cpus.map(|(index, apic_id)| Cpu { apic_id: *apic_id, present: index < present }).collect()
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes[offset..offset + 2].try_into().unwrap())
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

/// Follows the pointers as a guest does: the tables in the XSDT, in its order, then the DSDT. All sums hold.
fn follow(tables: &AcpiTables) -> Vec<&[u8]> {
    let rsdp = &tables.blob[usize::try_from(tables.rsdp - BASE).unwrap()..][..36];
    assert_eq!(&rsdp[..8], b"RSD PTR ");
    assert_eq!((rsdp[15], sum(&rsdp[..20]), sum(rsdp)), (2, 0, 0));
    assert_eq!(tables.rsdp % 16, 0);
    let xsdt = table(tables, u64_at(rsdp, 24));
    assert_eq!((&xsdt[..4], sum(xsdt)), (b"XSDT".as_slice(), 0));
    let mut found: Vec<_> = (36..xsdt.len()).step_by(8).map(|entry| table(tables, u64_at(xsdt, entry))).collect();
    found.push(table(tables, u64_at(found[0], 140)));
    for table in &found {
        assert_eq!(sum(table), 0, "{:?}", table[..4].escape_ascii());
    }
    found
}

fn signatures(tables: &[&[u8]]) -> Vec<String> {
    tables.iter().map(|table| table[..4].escape_ascii().to_string()).collect()
}

/// A processor in the MADT: uid, APIC id, flags.
type Processor = (u8, u8, u32);

/// Processors, and all other entries, of a MADT.
fn madt_entries(madt: &[u8]) -> (Vec<Processor>, Vec<Vec<u8>>) {
    let (mut rest, mut processors, mut others) = (&madt[44..], Vec::new(), Vec::new());
    while let [kind, length, ..] = rest {
        let (entry, next) = rest.split_at(usize::from(*length));
        match kind {
            0 => processors.push((entry[2], entry[3], u32_at(entry, 4))),
            _ => others.push(entry.to_vec()),
        }
        rest = next;
    }
    (processors, others)
}

/// Runs one of ACPICA's programs in `directory` and returns what it says.
fn run(program: &str, directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(directory).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}:\n{said}");
    said
}

/// Whether ACPICA's programs are there; says so where they are not.
fn acpica_is_installed() -> bool {
    let there = Command::new("iasl").arg("-v").output().is_ok();
    if !there {
        skip("iasl is not installed (Debian package acpica-tools)");
    }
    there
}

/// Loads the DSDT into ACPICA, as a guest does, and has it carry out `commands`. Returns what it says; nothing where
/// there is no ACPICA.
fn executed(config: &AcpiConfig, commands: &str) -> Option<String> {
    if !acpica_is_installed() {
        return None;
    }
    let tables = build(config, BASE);
    let directory = tempfile::tempdir().unwrap();
    let [.., dsdt] = follow(&tables)[..] else { return None };
    std::fs::write(directory.path().join("dsdt.dat"), dsdt).unwrap();
    Some(run("acpiexec", directory.path(), &["-di", "-b", commands, "dsdt.dat"]))
}

/// Disassembles and recompiles every table, without error, warning or remark, into the same bytes. Returns the DSDT's
/// source; nothing where there is no iasl.
fn recompiled(config: &AcpiConfig) -> Option<String> {
    if !acpica_is_installed() {
        return None;
    }
    let tables = build(config, BASE);
    let directory = tempfile::tempdir().unwrap();
    let mut source = None;
    for table in follow(&tables) {
        let name = table[..4].escape_ascii().to_string().to_lowercase();
        std::fs::write(directory.path().join(format!("{name}.dat")), table).unwrap();
        let said = run("iasl", directory.path(), &["-d", &format!("{name}.dat")]);
        let text = std::fs::read_to_string(directory.path().join(format!("{name}.dsl"))).unwrap();
        for complaint in ["Error", "ERROR", "Warning", "WARNING", "Invalid", "Unknown", "**** "] {
            assert!(!said.contains(complaint) && !text.contains(complaint), "{complaint}:\n{said}\n{text}");
        }
        let said = run("iasl", directory.path(), &[&format!("{name}.dsl")]);
        assert!(said.contains("0 Errors") || said.contains("Table bodies compiled"), "{said}");
        let complains = |level: &str| said.lines().any(|line| line.starts_with(level));
        assert!(!["Error  ", "Warning  ", "Remark  "].into_iter().any(complains), "{said}\n{text}");
        let again = std::fs::read(directory.path().join(format!("{name}.aml"))).unwrap();
        assert_eq!(again[36..], table[36..], "recompiling {name} gives the same bytes\n{text}");
        source = Some(text);
    }
    source
}
