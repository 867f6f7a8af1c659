//! Tests of the tables' bytes, and of what `dmidecode` says where it is installed.

use super::*;
use crate::memory::layout;
use crate::testing::skip;
use proptest::prelude::*;
use std::process::Command;

const GIB: u64 = 1 << 30;

fn config(ram: u64) -> SmbiosConfig {
    SmbiosConfig {
        manufacturer: "Podvisor".into(),
        product: "Virtual Machine".into(),
        version: "q35".into(),
        serial: "serial-17".into(),
        sku: "sku-9".into(),
        family: "family-3".into(),
        asset_tag: "asset-4".into(),
        uuid: [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff],
        firmware_version: "1.0".into(),
        sockets: 2,
        cores: 3,
        threads: 2,
        ram: layout::ram_ranges(ram),
    }
}

struct Found {
    kind: u8,
    handle: u16,
    formatted: Vec<u8>,
    texts: Vec<String>,
}

/// Walks over the structures as a guest does.
fn walk(mut table: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    while let [kind, length, low, high, ..] = table {
        let (formatted, mut rest) = table.split_at(usize::from(*length));
        let mut texts = Vec::new();
        while rest[0] != 0 || texts.is_empty() && rest[1] != 0 {
            let end = rest.iter().position(|byte| *byte == 0).unwrap();
            texts.push(String::from_utf8(rest[..end].to_vec()).unwrap());
            rest = &rest[end + 1..];
        }
        rest = if texts.is_empty() { &rest[2..] } else { &rest[1..] };
        let handle = u16::from_le_bytes([*low, *high]);
        found.push(Found { kind: *kind, handle, formatted: formatted.to_vec(), texts });
        table = rest;
    }
    assert!(table.is_empty());
    found
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

fn number(bytes: &[u8], offset: usize, width: usize) -> u64 {
    bytes[offset..offset + width].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[test]
fn firmware_takes_both_entry_points() {
    let legacy = build(&config(GIB), EntryPoint::Legacy);
    let (entry, count) = (&legacy.entry_point, walk(&legacy.structures).len() as u64);
    assert_eq!((entry.len(), &entry[..4], &entry[16..21]), (31, b"_SM_".as_slice(), b"_DMI_".as_slice()));
    assert_eq!((sum(entry), sum(&entry[16..])), (0, 0));
    assert_eq!((entry[5], entry[6], entry[7], entry[30]), (31, 2, 8, 0x28));
    assert_eq!(number(entry, 22, 2), legacy.structures.len() as u64);
    assert_eq!((number(entry, 24, 4), number(entry, 28, 2)), (0, count));

    let modern = build(&config(GIB), EntryPoint::Modern);
    let entry = &modern.entry_point;
    assert_eq!((entry.len(), &entry[..5], sum(entry)), (24, b"_SM3_".as_slice(), 0));
    assert_eq!((entry[6], entry[7], entry[8]), (24, 3, 6));
    assert_eq!(number(entry, 12, 4), modern.structures.len() as u64);
    assert_eq!(number(entry, 16, 8), 0);
    assert_eq!(modern.structures, legacy.structures);
}

#[test]
fn a_kernel_finds_the_structures_in_memory_by_the_entry_point() {
    let blob = in_memory(&config(GIB), 0xf_2000);
    assert_eq!((&blob[..4], sum(&blob[..31]), sum(&blob[16..31])), (b"_SM_".as_slice(), 0, 0));
    let structures = build(&config(GIB), EntryPoint::Legacy).structures;
    assert!(blob.ends_with(&structures));
    let begin = blob.len() - structures.len();
    assert_eq!(number(&blob, 24, 4), 0xf_2000 + begin as u64);
    assert_eq!(number(&blob, 22, 2), structures.len() as u64);
}

#[test]
fn the_tables_of_the_largest_machine_have_their_place_below_1_mib() {
    let text = || "x".repeat(64);
    let largest = SmbiosConfig {
        manufacturer: text(),
        product: text(),
        version: text(),
        serial: text(),
        sku: text(),
        family: text(),
        asset_tag: text(),
        sockets: 255,
        ..config(1 << 46)
    };
    let place = layout::SMBIOS;
    assert!(in_memory(&largest, 0).len() as u64 <= place.end - place.start);
}

#[test]
fn all_required_structures_are_there_with_the_lengths_of_the_specification() {
    let structures = walk(&build(&config(4 * GIB), EntryPoint::Modern).structures);
    let kinds: Vec<_> = structures.iter().map(|found| (found.kind, found.formatted.len())).collect();
    let expected = [
        (0, 26),
        (1, 27),
        (2, 15),
        (3, 22),
        (4, 50),
        (4, 50),
        (16, 23),
        (17, 40),
        (19, 31),
        (19, 31),
        (32, 11),
        (127, 4),
    ];
    assert_eq!(kinds, expected);
    let mut handles: Vec<_> = structures.iter().map(|found| found.handle).collect();
    handles.dedup();
    assert!(handles.is_sorted() && handles.len() == structures.len());
}

#[test]
fn the_uuid_is_stored_as_guests_read_it_back() {
    let structures = walk(&build(&config(GIB), EntryPoint::Modern).structures);
    let expected = [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    assert_eq!(structures[1].formatted[8..24], expected);
    assert_eq!(structures[1].texts, ["Podvisor", "Virtual Machine", "q35", "serial-17", "sku-9", "family-3"]);
}

#[test]
fn a_text_that_is_empty_is_none_and_one_with_a_nul_ends_there() {
    let config = SmbiosConfig { serial: String::new(), product: "a\0b".into(), ..config(GIB) };
    let structures = walk(&build(&config, EntryPoint::Modern).structures);
    assert_eq!((structures[1].formatted[7], structures[1].texts[1].as_str()), (0, "a"));
}

#[test]
fn memory_is_told_where_it_is_and_how_much() {
    let structures = walk(&build(&config(5 * GIB), EntryPoint::Modern).structures);
    let addresses: Vec<_> = structures.iter().filter(|found| found.kind == 19).collect();
    let ends = |found: &Found| (number(&found.formatted, 4, 4) << 10, (number(&found.formatted, 8, 4) + 1) << 10);
    assert_eq!(ends(addresses[0]), (0, 2 * GIB));
    assert_eq!(ends(addresses[1]), (4 * GIB, 7 * GIB));
    let array = structures.iter().find(|found| found.kind == 16).unwrap();
    assert_eq!(number(&array.formatted, 7, 4) << 10, 5 * GIB);
    let module = structures.iter().find(|found| found.kind == 17).unwrap();
    assert_eq!(number(&module.formatted, 12, 2), 5 * 1024);
}

#[test]
fn dmidecode_has_no_complaint() {
    if Command::new("dmidecode").arg("--version").output().is_err() {
        return skip("dmidecode is not installed");
    }
    for entry in [EntryPoint::Legacy, EntryPoint::Modern] {
        let SmbiosTables { structures, mut entry_point } = build(&config(3 * GIB), entry);
        // A dump is a file whose entry point names offset 32.
        let (address, sum) = if entry == EntryPoint::Legacy { (24, 21) } else { (16, 5) };
        entry_point[address] = 32;
        entry_point[sum] = entry_point[sum].wrapping_sub(32);
        let directory = tempfile::tempdir().unwrap();
        let dump = directory.path().join("dump");
        entry_point.resize(32, 0);
        std::fs::write(&dump, [entry_point, structures].concat()).unwrap();
        let output = Command::new("dmidecode").arg("--from-dump").arg(&dump).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for expected in ["UUID: 00112233-4455-6677-8899-aabbccddeeff", "Serial Number: serial-17", "Core Count: 3"] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        for complaint in ["bad", "Wrong", "Invalid", "OUT OF SPEC", "truncated", "broken"] {
            assert!(!said.contains(complaint), "{complaint}\n{said}");
        }
    }
}

proptest! {
    #[test]
    fn any_texts_and_any_ram_give_tables_that_can_be_walked(
        product in ".{0,20}", serial in ".{0,20}", pages in 4096u64..1 << 34, sockets in 1u16..255
    ) {
        let ram = layout::ram_ranges(pages << 12);
        let config = SmbiosConfig { product, serial, sockets, ram, ..config(GIB) };
        let tables = build(&config, EntryPoint::Legacy);
        prop_assert_eq!(&build(&config, EntryPoint::Legacy), &tables);
        let structures = walk(&tables.structures);
        prop_assert_eq!(structures.last().map(|found| found.kind), Some(127));
        prop_assert!(tables.structures.len() < 1 << 16);
        let mib = |found: &Found| match number(&found.formatted, 12, 2) {
            0x7fff => number(&found.formatted, 28, 4),
            short if short & 0x8000 != 0 => (short & 0x7fff) >> 10,
            short => short,
        };
        let told: u64 = structures.iter().filter(|found| found.kind == 17).map(mib).sum();
        prop_assert_eq!(told, pages >> 8);
    }
}
