//! The tables of the microvm board.

use super::*;

fn config(apic_ids: &[u8], present: usize, slots: usize) -> AcpiConfig {
    let board = AcpiBoard::Microvm { virtio_mmio_slots: (0..slots).collect() };
    AcpiConfig { cpus: cpus(apic_ids, present), board }
}

fn typical() -> AcpiTables {
    build(&config(&[0, 1, 2, 4, 5, 6], 4, 3), BASE)
}

#[test]
fn a_guest_finds_all_tables_and_their_checksums_hold() {
    assert_eq!(signatures(&follow(&typical())), ["FACP", "APIC", "DSDT"]);
}

#[test]
fn the_fadt_promises_what_the_board_has() {
    let tables = typical();
    let fadt = follow(&tables)[0];
    assert_eq!(fadt.len(), 276, "the length of ACPI 6");
    assert_eq!((fadt[8], fadt[131]), (6, 5), "ACPI 6.5");
    assert_eq!(u16_at(fadt, 109), 0b000_0111, "ISA devices, 8042, no VGA; MSI allowed, CMOS clock present");
    assert_eq!(u32_at(fadt, 112), 1 << 20 | 1 << 12 | 1 << 10 | 1 << 6 | 1 << 5 | 1 << 4 | 1);
    for (offset, address) in [(116, 0x10), (244, 0x08), (256, 0x0c)] {
        assert_eq!(fadt[offset..offset + 4], [0, 8, 0, 1], "one byte of memory");
        assert_eq!(u64_at(fadt, offset + 4), layout::GED.start + address);
    }
    assert_eq!((fadt[128], fadt[108]), (1, 0x32), "reset value, century");
    let fixed_hardware = [&fadt[46..96], &fadt[148..244]].concat();
    assert!(fixed_hardware.iter().all(|byte| *byte == 0), "hardware-reduced: no fixed hardware");
}

#[test]
fn the_madt_lists_present_and_possible_processors_by_apic_id() {
    let tables = typical();
    let madt = follow(&tables)[1];
    assert_eq!(u32_at(madt, 36), 0xfee0_0000);
    assert_eq!(u32_at(madt, 40), 1, "the 8259s are there");
    let (processors, others) = madt_entries(madt);
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

#[test]
fn iasl_disassembles_and_recompiles_every_table_without_error_or_warning() {
    let many: Vec<u8> = (0..64).collect();
    for config in [config(&[0], 1, 1), config(&[0, 1, 2, 4, 5, 6], 4, 3), config(&many, 16, 16), config(&[7], 1, 0)] {
        recompiled(&config);
    }
}
