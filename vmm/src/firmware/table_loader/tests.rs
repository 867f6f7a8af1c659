//! Tests that carry the script out, as firmware does.

use super::*;
use crate::firmware::Cpu;
use crate::firmware::acpi::{AcpiBoard, PciHost};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const GIB: u64 = 1 << 30;

fn config(cpus: u8, pci: PciHost) -> AcpiConfig {
    let cpus = (0..cpus).map(|apic_id| Cpu { apic_id, present: true }).collect();
    AcpiConfig { cpus, board: AcpiBoard::Q35(pci) }
}

fn moved(ecam: Range<u64>) -> PciHost {
    PciHost { ecam, ..PciHost::at_power_on(GIB) }
}

fn u32_at(bytes: &[u8], offset: usize) -> usize {
    usize::try_from(u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())).unwrap()
}

fn name_at(bytes: &[u8], offset: usize) -> String {
    let name = bytes[offset..offset + NAME].iter().take_while(|byte| **byte != 0);
    String::from_utf8(name.copied().collect()).unwrap()
}

/// How firmware sums up: with what stood in the sum's place, or without.
#[derive(Clone, Copy, Debug)]
enum Sums {
    Adds,
    Replaces,
}

/// Places the files as the script says: each file's address, zone and bytes.
fn place(files: &BTreeMap<String, Vec<u8>>, sums: Sums, high: u64) -> BTreeMap<String, (u64, u8, Vec<u8>)> {
    let mut placed: BTreeMap<String, (u64, u8, Vec<u8>)> = BTreeMap::new();
    for command in files[SCRIPT].chunks_exact(COMMAND) {
        let file = name_at(command, 4);
        match u32_at(command, 0) {
            1 => {
                let (alignment, zone) = (u32_at(command, 60) as u64, command[64]);
                let address = if zone == ZONE_FSEG { 0xf_5a10 } else { high };
                assert_eq!(address % alignment, 0);
                placed.insert(file.clone(), (address, zone, files[&file].clone()));
            }
            2 => {
                let (to, _, pointed) = &placed[&name_at(command, 60)];
                let (to, size) = (*to, pointed.len() as u64);
                let (offset, width) = (u32_at(command, 116), usize::from(command[120]));
                let field = &mut placed.get_mut(&file).unwrap().2[offset..offset + width];
                let mut value = [0; 8];
                value[..width].copy_from_slice(field);
                assert!(u64::from_le_bytes(value) < size, "an offset in the file");
                field.copy_from_slice(&(u64::from_le_bytes(value) + to).to_le_bytes()[..width]);
            }
            3 => {
                let (offset, start, length) = (u32_at(command, 60), u32_at(command, 64), u32_at(command, 68));
                let bytes = &mut placed.get_mut(&file).unwrap().2;
                let sum = bytes[start..start + length].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
                bytes[offset] = match sums {
                    Sums::Adds => bytes[offset].wrapping_sub(sum),
                    Sums::Replaces => 0u8.wrapping_sub(sum),
                };
            }
            other => panic!("command {other}"),
        }
    }
    placed
}

fn built(tables: &FirmwareTables) -> BTreeMap<String, Vec<u8>> {
    let sizes = tables.sizes();
    let padded = sizes.into_iter().zip(tables.build()).map(|((name, size), mut bytes)| {
        assert!(bytes.len() <= size, "{name}");
        bytes.resize(size, 0);
        (name.to_owned(), bytes)
    });
    padded.collect()
}

#[test]
fn firmware_gets_the_tables_that_a_kernel_gets() {
    const HIGH: u64 = 0x7f5e_1040;
    let config = config(4, PciHost::at_power_on(GIB));
    let direct = acpi::build(&config, HIGH - ALIGNMENT as u64);
    for sums in [Sums::Adds, Sums::Replaces] {
        let config = config.clone();
        let files = built(&FirmwareTables::new(Box::new(move || config.clone())));
        let placed = place(&files, sums, HIGH);
        let (at, zone, tables) = &placed[TABLES];
        let expected = &direct.blob[ALIGNMENT..];
        assert_eq!((*at, *zone, &tables[..expected.len()]), (HIGH, ZONE_HIGH, expected), "{sums:?}");
        let (_, zone, rsdp) = &placed[RSDP];
        assert_eq!((*zone, &rsdp[..]), (ZONE_FSEG, &direct.blob[..36]), "{sums:?}");
    }
}

#[test]
fn the_tables_are_those_of_the_moment_and_their_sizes_never_change() {
    let pci = Arc::new(Mutex::new(PciHost::at_power_on(GIB)));
    let now = Arc::clone(&pci);
    let tables = FirmwareTables::new(Box::new(move || config(2, now.lock().unwrap().clone())));
    let sizes = tables.sizes();
    let first = built(&tables);
    *pci.lock().unwrap() = moved(0xe000_0000..0xf000_0000);
    let second = built(&tables);
    assert_eq!(tables.sizes(), sizes);
    assert_ne!(first[TABLES], second[TABLES]);
    assert_eq!(sizes[0].1 % COMMAND, 0, "firmware refuses half a command");
}

#[test]
fn every_table_and_the_rsdp_have_their_sums_by_the_script() {
    let (assembly, _) = acpi::assemble(&config(1, PciHost::at_power_on(GIB)), 0);
    assert_eq!((assembly.pointers.len(), assembly.checksums.len()), (2 + 3, 2), "FADT and XSDT name others");
}

proptest! {
    #[test]
    fn wherever_configuration_space_goes_the_tables_fit(start in 0x40u64..0xfff, cpus in 1u8..4) {
        let first = config(cpus, PciHost::at_power_on(GIB));
        let later = config(cpus, moved(start << 26..(start << 26) + (64 << 20)));
        let promised = FirmwareTables::new(Box::new(move || first.clone())).sizes();
        let Files { script, rsdp, tables } = files(&later);
        prop_assert_eq!((script.len(), rsdp.len()), (promised[0].1, promised[1].1));
        prop_assert!(tables.len() <= promised[2].1);
    }
}
