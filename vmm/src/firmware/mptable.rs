//! The board without ACPI: Intel's MultiProcessor Specification 1.4, and `virtio_mmio.device=` for the command line.

use super::{Cpu, checksum};
use crate::memory::layout;
use std::fmt::Write;

const FLOATING_POINTER_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 44;
/// MP 1.4.
const REVISION: u8 = 4;
const OEM_ID: &[u8; 8] = b"PODVISOR";
const PRODUCT_ID: &[u8; 12] = b"MICROVM     ";

/// Entry types (4.3).
const PROCESSOR: u8 = 0;
const BUS: u8 = 1;
const IO_APIC: u8 = 2;
const IO_INTERRUPT: u8 = 3;
const LOCAL_INTERRUPT: u8 = 4;

/// Processor flags.
const ENABLED: u8 = 1 << 0;
const BOOT_PROCESSOR: u8 = 1 << 1;
/// Version of KVM's local APICs.
const LOCAL_APIC_VERSION: u8 = 0x14;
/// Family 6; what model, CPUID says.
const SIGNATURE: u32 = 0x600;
/// FPU, machine check exceptions, CMPXCHG8B, APIC (table 4-6).
const FEATURES: u32 = 1 << 0 | 1 << 7 | 1 << 8 | 1 << 9;

const ISA_BUS: u8 = 0;
/// Id and version of KVM's IOAPIC after a reset.
const IO_APIC_ID: u8 = 0;
const IO_APIC_VERSION: u8 = 0x11;
const IO_APIC_PINS: u8 = 24;

/// Interrupt types (table 4-10).
const VECTORED: u8 = 0;
const NMI: u8 = 1;
const EXTERNAL: u8 = 3;
/// Interrupt flags: active high, edge-triggered.
const EDGE_HIGH: u16 = 0b0101;
/// Interrupt flags: as the bus has it.
const CONFORMS: u16 = 0;
const ALL_LOCAL_APICS: u8 = 0xff;

/// The floating pointer structure and the configuration table behind it, for guest address `base` (a multiple of
/// 16). `cpus` are those present, the boot processor first: the specification knows none that come later.
pub(crate) fn build(cpus: &[Cpu], base: u64) -> Vec<u8> {
    let (count, entries) = entries(cpus);
    let mut blob = floating_pointer(base);
    blob.extend(header(count, &entries));
    blob.extend(entries);
    blob
}

/// 4.1.
fn floating_pointer(base: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FLOATING_POINTER_LENGTH);
    bytes.extend(b"_MP_");
    bytes.extend(low_address(base + FLOATING_POINTER_LENGTH as u64));
    // Length in paragraphs, revision, checksum; no default configuration, virtual wire mode.
    bytes.extend([1, REVISION, 0, 0, 0, 0, 0, 0]);
    with_checksum(bytes, 10)
}

/// 4.2, with the checksum over header and entries.
fn header(count: u16, entries: &[u8]) -> Vec<u8> {
    // 253 processors of 20 bytes and 30 other entries of 8 are far below 64 KiB.
    let length = u16::try_from(HEADER_LENGTH + entries.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(HEADER_LENGTH);
    bytes.extend(b"PCMP");
    bytes.extend(length.to_le_bytes());
    bytes.extend([REVISION, 0]);
    bytes.extend(OEM_ID);
    bytes.extend(PRODUCT_ID);
    // No OEM table.
    bytes.extend([0; 6]);
    bytes.extend(count.to_le_bytes());
    bytes.extend(low_address(layout::LAPIC.start));
    // No extended entries.
    bytes.extend([0; 4]);
    let sum = checksum(&bytes).wrapping_add(checksum(entries));
    if let Some(place) = bytes.get_mut(7) {
        *place = sum;
    }
    bytes
}

/// The entries, in the order of their types, and their number.
fn entries(cpus: &[Cpu]) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut count = 0;
    let mut add = |entry: &[&[u8]]| {
        entry.iter().for_each(|part| bytes.extend_from_slice(part));
        count += 1;
    };
    for (index, cpu) in cpus.iter().filter(|cpu| cpu.present).enumerate() {
        let flags = if index == 0 { ENABLED | BOOT_PROCESSOR } else { ENABLED };
        let fixed = [PROCESSOR, cpu.apic_id, LOCAL_APIC_VERSION, flags];
        add(&[&fixed, &SIGNATURE.to_le_bytes(), &FEATURES.to_le_bytes(), &[0; 8]]);
    }
    add(&[&[BUS, ISA_BUS], b"ISA   "]);
    add(&[&[IO_APIC, IO_APIC_ID, IO_APIC_VERSION, ENABLED], &low_address(layout::IOAPIC.start)]);
    // Each interrupt of the bus reaches the pin of its number. A real ISA bus has sixteen; the virtio devices' lines
    // beyond are described as its, too, for a guest knows no other bus here.
    for pin in 0..IO_APIC_PINS {
        add(&[&[IO_INTERRUPT, VECTORED], &EDGE_HIGH.to_le_bytes(), &[ISA_BUS, pin, IO_APIC_ID, pin]]);
    }
    for (kind, pin) in [(EXTERNAL, 0), (NMI, 1)] {
        add(&[&[LOCAL_INTERRUPT, kind], &CONFORMS.to_le_bytes(), &[ISA_BUS, 0, ALL_LOCAL_APICS, pin]]);
    }
    (count, bytes)
}

/// What a guest's command line needs so that its driver finds the devices in `slots`, with a blank before each.
pub(crate) fn virtio_mmio_cmdline(slots: &[usize]) -> String {
    let mut cmdline = String::new();
    for slot in slots {
        let range = layout::virtio_mmio_range(*slot);
        let kibibytes = (range.end - range.start) / 1024;
        // Writing to a string cannot fail.
        let _ =
            write!(cmdline, " virtio_mmio.device={kibibytes}K@{:#x}:{}", range.start, layout::virtio_mmio_irq(*slot));
    }
    cmdline
}

fn with_checksum(mut bytes: Vec<u8>, position: usize) -> Vec<u8> {
    let sum = checksum(&bytes);
    if let Some(place) = bytes.get_mut(position) {
        *place = sum;
    }
    bytes
}

/// The low 32 bits of an address below 4 GiB.
fn low_address(address: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = address.to_le_bytes();
    [a, b, c, d]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: u64 = layout::MP_TABLE.start;

    fn cpus(apic_ids: &[u8]) -> Vec<Cpu> {
        apic_ids.iter().map(|apic_id| Cpu { apic_id: *apic_id, present: true }).collect()
    }

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
    }

    /// Follows the floating pointer and splits the table into its entries, as a guest does.
    fn parse(blob: &[u8]) -> Vec<&[u8]> {
        let (pointer, _) = blob.split_at(16);
        assert_eq!((&pointer[..4], pointer[8], pointer[9], sum(pointer)), (b"_MP_".as_slice(), 1, 4, 0));
        assert_eq!(pointer[11..16], [0; 5], "a table follows; virtual wire mode");
        let address = u32::from_le_bytes(pointer[4..8].try_into().unwrap());
        let table = &blob[usize::try_from(u64::from(address) - BASE).unwrap()..];
        let length = usize::from(u16::from_le_bytes([table[4], table[5]]));
        assert_eq!((&table[..4], length, table[6]), (b"PCMP".as_slice(), table.len(), 4));
        assert_eq!(sum(table), 0);
        assert_eq!(table[36..40], 0xfee0_0000u32.to_le_bytes());
        let mut entries = Vec::new();
        let mut rest = &table[44..];
        while let [kind, ..] = rest {
            let (entry, next) = rest.split_at(if *kind == 0 { 20 } else { 8 });
            entries.push(entry);
            rest = next;
        }
        assert_eq!(entries.len(), usize::from(u16::from_le_bytes([table[34], table[35]])));
        entries
    }

    #[test]
    fn a_guest_finds_processors_bus_ioapic_and_interrupts_in_that_order() {
        let blob = build(&cpus(&[0, 1, 2, 4, 5, 6]), BASE);
        let entries = parse(&blob);
        let processors: Vec<_> = entries.iter().filter(|entry| entry[0] == 0).map(|cpu| (cpu[1], cpu[3])).collect();
        assert_eq!(processors, [(0, 3), (1, 1), (2, 1), (4, 1), (5, 1), (6, 1)], "only the first one boots");
        assert_eq!(entries[6], b"\x01\x00ISA   ");
        assert_eq!(entries[7], [2, 0, 0x11, 1, 0, 0, 0xc0, 0xfe]);
        let pins: Vec<_> = entries.iter().filter(|entry| entry[0] == 3).map(|entry| entry.to_vec()).collect();
        let expected: Vec<_> = (0..24).map(|pin| vec![3, 0, 5, 0, 0, pin, 0, pin]).collect();
        assert_eq!(pins, expected);
        assert_eq!(entries[32..], [[4, 3, 0, 0, 0, 0, 0xff, 0], [4, 1, 0, 0, 0, 0, 0xff, 1]]);
        assert!(entries.is_sorted_by_key(|entry| entry[0]), "4.3: in the order of their types");
    }

    #[test]
    fn processors_that_may_come_later_are_left_out() {
        let mut cpus = cpus(&[3, 7]);
        cpus[1].present = false;
        let blob = build(&cpus, BASE);
        let entries = parse(&blob);
        assert_eq!(entries.iter().filter(|entry| entry[0] == 0).count(), 1);
        assert_eq!((entries[0][1], entries[0][3]), (3, 3));
    }

    #[test]
    fn the_command_line_names_each_device_with_size_address_and_line() {
        assert_eq!(
            virtio_mmio_cmdline(&[0, 1, 8]),
            " virtio_mmio.device=4K@0xc0000000:16 virtio_mmio.device=4K@0xc0001000:17 virtio_mmio.device=4K@0xc0008000:5"
        );
        assert_eq!(virtio_mmio_cmdline(&[]), "");
    }

    proptest! {
        #[test]
        fn any_set_of_processors_gives_a_table_with_right_sums_that_fits_its_area(
            ids in prop::collection::btree_set(0u8..255, 1..255)
        ) {
            let ids: Vec<u8> = ids.into_iter().collect();
            let blob = build(&cpus(&ids), BASE);
            prop_assert!(blob.len() as u64 <= layout::MP_TABLE.end - BASE);
            let entries = parse(&blob);
            let found: Vec<u8> = entries.iter().filter(|entry| entry[0] == 0).map(|entry| entry[1]).collect();
            prop_assert_eq!(found, ids);
        }
    }
}
