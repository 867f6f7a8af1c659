#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;

type Table = Vec<(&'static str, Range<u64>)>;

/// Every fixed range of memory addresses that all boards have, in order.
fn fixed() -> Table {
    vec![
        ("REAL_MODE_PAGE", REAL_MODE_PAGE),
        ("BOOT_GDT", BOOT_GDT),
        ("START_INFO", START_INFO),
        ("BOOT_PARAMS", BOOT_PARAMS),
        ("BOOT_STACK", BOOT_STACK),
        ("BOOT_PAGE_TABLES", BOOT_PAGE_TABLES),
        ("CMDLINE", CMDLINE),
        ("EBDA", EBDA),
        ("VGA_AND_ROMS", VGA_AND_ROMS),
        ("ACPI_TABLES", ACPI_TABLES),
        ("MP_TABLE", MP_TABLE),
        ("SMBIOS", SMBIOS),
        ("IOAPIC", IOAPIC),
        ("LAPIC", LAPIC),
        ("KVM_IDENTITY_MAP", KVM_IDENTITY_MAP),
        ("KVM_TSS", KVM_TSS),
    ]
}

fn ports() -> Table {
    vec![("I8042_PORTS", I8042_PORTS), ("RTC_PORTS", RTC_PORTS), ("SERIAL_PORTS", SERIAL_PORTS)]
}

/// What each board has of its own: memory addresses and ports.
fn boards() -> [(Table, Table); 2] {
    let virtio_mmio = virtio_mmio_range(0).start..virtio_mmio_range(VIRTIO_MMIO_SLOTS - 1).end;
    let microvm = (
        vec![("VIRTIO_MMIO", virtio_mmio), ("GED", GED)],
        vec![("DEBUG_EXIT_PORT", DEBUG_EXIT_PORT..DEBUG_EXIT_PORT + 1)],
    );
    let q35 = (
        vec![("ECAM", ECAM), ("PCI_WINDOW32", PCI_WINDOW32), ("FLASH", FLASH)],
        vec![
            ("PM_PORTS", PM_PORTS),
            ("PCI_CONFIG_PORTS", PCI_CONFIG_PORTS),
            ("PCI_WINDOW_IO", PCI_WINDOW_IO),
            ("FW_CFG_PORTS", FW_CFG_PORTS),
            ("DEBUG_CONSOLE_PORTS", DEBUG_CONSOLE_PORTS),
        ],
    );
    [microvm, q35]
}

fn assert_disjoint(mut table: Table) {
    table.sort_by_key(|(_, range)| range.start);
    for (name, range) in &table {
        assert!(range.start < range.end, "{name} is empty");
    }
    for pair in table.windows(2) {
        assert!(pair[0].1.end <= pair[1].1.start, "{} overlaps {}", pair[0].0, pair[1].0);
    }
}

#[test]
fn fixed_ranges_do_not_overlap_on_any_board() {
    for (own, own_ports) in boards() {
        assert_disjoint([fixed(), own].concat());
        assert_disjoint([ports(), own_ports].concat());
    }
}

#[test]
fn every_constant_is_documented_and_every_range_is_in_the_table_of_this_test() {
    let lines: Vec<&str> = include_str!("../layout.rs").lines().collect();
    let own = boards().into_iter().flat_map(|(memory, ports)| [memory, ports].concat());
    let known: Vec<&str> = fixed().into_iter().chain(ports()).chain(own).map(|(name, _)| name).collect();
    let mut ranges = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("pub const ") else { continue };
        assert!(lines[index - 1].starts_with("///"), "{line} has no documentation");
        if let Some((name, "Range<u64>")) = rest.split_once(" = ").and_then(|(left, _)| left.split_once(": ")) {
            assert!(known.contains(&name), "{name} is not in the table");
            ranges += 1;
        }
    }
    // All but VIRTIO_MMIO and DEBUG_EXIT_PORT, which are made of other constants.
    assert_eq!(ranges, known.len() - 2);
}

#[test]
fn fixed_ranges_are_whole_pages_but_for_the_ebda() {
    let own = boards().into_iter().flat_map(|(memory, _)| memory);
    for (name, range) in fixed().into_iter().chain(own) {
        let whole = range.start.is_multiple_of(PAGE_SIZE) && range.end.is_multiple_of(PAGE_SIZE);
        assert!(whole || name == "EBDA", "{name}");
    }
}

#[test]
fn boot_structures_lie_below_the_ebda_and_the_kernel_above_the_bios_area() {
    for (name, range) in fixed() {
        if name.starts_with("BOOT") || name == "START_INFO" || name == "CMDLINE" {
            assert!(range.start >= REAL_MODE_PAGE.end && range.end <= EBDA.start, "{name}");
        }
    }
    assert_eq!(KERNEL_START, SMBIOS.end);
    assert!(RESERVED.is_sorted_by(|a, b| a.end <= b.start));
}

#[test]
fn the_page_tables_have_room_for_a_pml4_a_pdpt_and_four_page_directories() {
    assert_eq!([BOOT_PML4, BOOT_PDPT, BOOT_PD], [0x9000, 0xa000, 0xb000]);
    assert_eq!(BOOT_PD + 4 * PAGE_SIZE, BOOT_PAGE_TABLES.end);
}

#[test]
fn the_kvm_pages_are_where_design_and_kvm_want_them() {
    assert_eq!(KVM_IDENTITY_MAP.end - KVM_IDENTITY_MAP.start, PAGE_SIZE);
    assert_eq!(KVM_TSS.end - KVM_TSS.start, 3 * PAGE_SIZE);
    assert_eq!(KVM_IDENTITY_MAP.start, 0xfeff_c000);
}

#[test]
fn virtio_mmio_slots_are_pages_in_a_row_with_lines_of_their_own() {
    let mut lines = vec![SERIAL_IRQ, RTC_IRQ, GED_IRQ];
    for slot in 0..VIRTIO_MMIO_SLOTS {
        let range = virtio_mmio_range(slot);
        assert_eq!(range.start, VIRTIO_MMIO_START + slot as u64 * 0x1000);
        assert_eq!(range.end - range.start, VIRTIO_MMIO_SIZE);
        let line = virtio_mmio_irq(slot);
        assert!(line < 24 && line > 2, "line {line} is no free pin of the IOAPIC");
        assert!(!lines.contains(&line), "line {line} is used twice");
        lines.push(line);
    }
}

#[test]
fn ram_is_split_from_2_75_gib_on() {
    for size in [16 << 20, SPLIT_FROM - PAGE_SIZE] {
        assert_eq!(ram_ranges(size), vec![Range { start: 0, end: size }]);
    }
    assert_eq!(ram_ranges(SPLIT_FROM), [0..0x8000_0000, 0x1_0000_0000..0x1_3000_0000]);
    assert_eq!(ram_ranges(8 << 30), [0..0x8000_0000, 0x1_0000_0000..0x2_8000_0000]);
}

#[test]
fn ram_is_as_large_as_asked_and_leaves_the_devices_alone() {
    for size in [PAGE_SIZE, LOW_RAM_SPLIT, SPLIT_FROM - PAGE_SIZE, SPLIT_FROM, SPLIT_FROM + PAGE_SIZE, 1 << 40] {
        let ranges = ram_ranges(size);
        assert_eq!(ranges.iter().map(|range| range.end - range.start).sum::<u64>(), size);
        for range in ranges {
            assert!(range.end <= 0xb000_0000 || range.start >= 0x1_0000_0000, "{range:x?}");
        }
    }
}

#[test]
fn ram_ends_below_ecam_and_pci_windows_and_the_64_bit_window_lies_above_it() {
    const GIB: u64 = 1 << 30;
    for (ram, window) in [
        (128 << 20, 32 * GIB..64 * GIB),
        (7 * GIB / 2, 32 * GIB..64 * GIB),
        (4 * GIB, 32 * GIB..64 * GIB),
        (6 * GIB, 32 * GIB..64 * GIB),
        (30 * GIB, 32 * GIB..64 * GIB),
        (30 * GIB + PAGE_SIZE, 64 * GIB..96 * GIB),
        (1 << 40, 1056 * GIB..1088 * GIB),
    ] {
        assert_eq!(pci_window64(ram), window, "{ram:#x} bytes of RAM");
        for range in ram_ranges(ram) {
            let free = |own: &Range<u64>| range.end <= own.start || range.start >= own.end;
            assert!([ECAM, PCI_WINDOW32, window.clone()].iter().all(free), "{range:x?}");
        }
    }
}

#[test]
fn firmware_has_all_addresses_above_ram_for_64_bit_bars() {
    const GIB: u64 = 1 << 30;
    for (ram, bits, window) in [
        (GIB / 2, 40, 4 * GIB..1 << 40),
        (5 * GIB, 40, 7 * GIB..1 << 40),
        (5 * GIB + PAGE_SIZE, 36, 8 * GIB..1 << 36),
        (1 << 40, 40, 1026 * GIB..1088 * GIB),
        (GIB, 255, 4 * GIB..64 * GIB),
    ] {
        assert_eq!(firmware_window64(ram, bits), window, "{ram:#x} bytes of RAM, {bits} bits");
    }
    assert!(!firmware_window64(u64::MAX, 52).is_empty());
}

#[test]
fn firmware_has_all_addresses_between_ram_and_the_ioapic_for_32_bit_bars() {
    for (ram, start) in [(512 << 20, 0x2000_0000), ((512 << 20) + PAGE_SIZE, 0x2010_0000), (5 << 30, 0x8000_0000)] {
        assert_eq!(firmware_window32(ram), start..0xfec0_0000, "{ram:#x} bytes of RAM");
    }
    assert!(!firmware_window32(SPLIT_FROM - PAGE_SIZE).is_empty());
}

#[test]
fn each_slot_of_pci_has_four_of_the_eight_shared_pins() {
    assert_eq!([0, 1, 2, 3].map(|pin| pci_irq(0, pin)), [16, 17, 18, 19]);
    assert_eq!([0, 1, 2, 3].map(|pin| pci_irq(31, pin)), [23, 16, 17, 18]);
    for (slot, pin) in (0..32).flat_map(|slot| (0..4).map(move |pin| (slot, pin))) {
        assert!((16..24).contains(&pci_irq(slot, pin)));
    }
    assert!(PCI_CONFIG_PORTS.contains(&RESET_CONTROL_PORT));
    assert!(!(16..24).contains(&SCI_IRQ));
}

#[test]
fn no_size_overflows() {
    assert_eq!(ram_ranges(u64::MAX)[1].end, 0xffff_ffff_ffff_f000);
    for ram in [u64::MAX, u64::MAX - (1 << 35), 1 << 63] {
        let window = pci_window64(ram);
        assert_eq!(window.end - window.start, PCI_WINDOW64_SIZE);
        assert!(window.start.is_multiple_of(PCI_WINDOW64_SIZE));
    }
}
