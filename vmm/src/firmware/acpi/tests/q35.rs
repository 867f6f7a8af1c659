//! The tables of the q35 board.

use super::*;
use proptest::prelude::*;

const GIB: u64 = 1 << 30;

fn config(apic_ids: &[u8], present: usize, pci: PciHost) -> AcpiConfig {
    AcpiConfig { cpus: cpus(apic_ids, present), board: AcpiBoard::Q35(pci) }
}

fn with_ram(ram: u64) -> AcpiConfig {
    config(&[0, 1, 2, 4, 5, 6], 4, PciHost::at_power_on(ram))
}

fn moved(ecam: Range<u64>) -> AcpiConfig {
    config(&[0], 1, PciHost { ecam, ..PciHost::at_power_on(GIB) })
}

#[test]
fn a_guest_finds_all_tables_and_their_checksums_hold() {
    assert_eq!(signatures(&follow(&build(&with_ram(GIB), BASE))), ["FACP", "APIC", "MCFG", "DSDT"]);
}

#[test]
fn the_fadt_promises_what_the_board_has() {
    let tables = build(&with_ram(GIB), BASE);
    let fadt = follow(&tables)[0];
    assert_eq!((fadt.len(), fadt[8], fadt[131]), (276, 6, 5), "ACPI 6.5");
    assert_eq!(u16_at(fadt, 109), 0b000_0111, "ISA devices, 8042, no VGA; MSI allowed, CMOS clock present");
    let flags = u32_at(fadt, 112);
    assert_eq!(flags, 1 << 12 | 1 << 10 | 1 << 6 | 1 << 5 | 1 << 2 | 1, "a fixed power button, a timer of 24 bits, C1");
    assert_eq!(u16_at(fadt, 46), 9, "SCI");
    assert_eq!(fadt[48..56], [0; 8], "no SMI command port: ACPI mode from the start");
    assert_eq!((u16_at(fadt, 96), u16_at(fadt, 98)), (101, 1001), "neither C2 nor C3");
    assert_eq!((fadt[128], fadt[108]), (6, 0x32), "reset value, century");
    assert_eq!((&fadt[116..120], u64_at(fadt, 120)), ([1, 8, 0, 1].as_slice(), 0xcf9), "reset register");
    assert_eq!(fadt[244..268], [0; 24], "no sleep registers");
}

#[test]
fn older_and_newer_guests_read_the_same_blocks() {
    let tables = build(&with_ram(GIB), BASE);
    let fadt = follow(&tables)[0];
    // Block, its length, its extended address; each with port and bytes.
    let blocks = [(56, 88, 148, 0x600, 4), (64, 89, 172, 0x604, 2), (76, 91, 208, 0x608, 4), (80, 92, 220, 0x620, 16)];
    for (block, length, extended, port, bytes) in blocks {
        assert_eq!((u32_at(fadt, block), fadt[length]), (port, bytes));
        assert_eq!(fadt[extended..extended + 3], [1, bytes * 8, 0], "{port:#x}");
        assert_eq!(u64_at(fadt, extended + 4), u64::from(port));
    }
    for absent in [60..64, 68..76, 84..88, 160..172, 184..208, 232..244] {
        assert!(fadt[absent.clone()].iter().all(|byte| *byte == 0), "{absent:?}");
    }
}

#[test]
fn the_fadt_names_a_facs_that_nobody_has_locked() {
    let tables = build(&with_ram(GIB), BASE);
    let fadt = follow(&tables)[0];
    let address = u64::from(u32_at(fadt, 36));
    assert_eq!((address % 64, u64_at(fadt, 132)), (0, 0));
    let facs = table(&tables, address);
    assert_eq!((&facs[..4], facs.len(), facs[32]), (b"FACS".as_slice(), 64, 2));
    assert!(facs[8..32].iter().all(|byte| *byte == 0), "no waking vector, no lock, no flags");
}

#[test]
fn the_madt_says_that_the_sci_is_a_level() {
    let tables = build(&with_ram(GIB), BASE);
    let (processors, others) = madt_entries(follow(&tables)[1]);
    assert_eq!(processors, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 4, 1), (4, 5, 2), (5, 6, 2)]);
    let io_apic = vec![1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0];
    let sci = vec![2, 10, 0, 9, 9, 0, 0, 0, 0b1101, 0];
    assert_eq!(others, [io_apic, sci, vec![4, 6, 0xff, 0, 0, 1]]);
}

#[test]
fn the_mcfg_names_configuration_space_where_it_is() {
    for (config, start, last_bus) in [
        (with_ram(GIB), 0xb000_0000, 255),
        (config(&[0], 1, PciHost { highest_bus: 2, ..PciHost::at_power_on(GIB) }), 0xb000_0000, 2),
        (moved(0xe000_0000..0xf000_0000), 0xe000_0000, 255),
        (moved(0xe000_0000..0xe800_0000), 0xe000_0000, 127),
        (moved(0xf800_0000..0xfc00_0000), 0xf800_0000, 63),
    ] {
        let tables = build(&config, BASE);
        let mcfg = follow(&tables)[2];
        assert_eq!((mcfg.len(), u64_at(mcfg, 44)), (60, start));
        assert_eq!((u16_at(mcfg, 52), mcfg[54], mcfg[55]), (0, 0, last_bus));
    }
}

const WINDOW: &str = "QWordMemory (ResourceProducer";
const RESERVATION: &str = "QWordMemory (ResourceConsumer";

/// The values of the descriptors of a kind in a source, as `(minimum, maximum)`.
fn ranges(source: &str, descriptor: &str) -> Vec<(u64, u64)> {
    let number = |line: Option<&str>| {
        let text =
            line.and_then(|line| line.trim().strip_prefix("0x")).and_then(|line| line.split(',').next()).unwrap();
        u64::from_str_radix(text, 16).unwrap()
    };
    let found = source.match_indices(descriptor).map(|(at, _)| {
        let mut lines = source[at..].lines().skip(2);
        (number(lines.next()), number(lines.next()))
    });
    found.collect()
}

#[test]
fn a_guest_finds_windows_reservations_and_control_methods() {
    let Some(source) = recompiled(&with_ram(GIB)) else { return };
    assert_eq!(ranges(&source, "WordBusNumber ("), [(0, 255)]);
    assert_eq!(ranges(&source, "WordIO ("), [(0, 0xcf7), (0xd00, 0xffff)]);
    assert_eq!(ranges(&source, WINDOW), [(0xc000_0000, 0xfebf_ffff), (0x8_0000_0000, 0xf_ffff_ffff)]);
    assert_eq!(ranges(&source, RESERVATION), [(0xb000_0000, 0xbfff_ffff)]);
    for device in ["PNP0A08", "PNP0A03", "PNP0C02", "PNP0501", "PNP0B00", "ACPI0007", "33db4d5b-1ff7-401c-9657"] {
        assert!(source.contains(device), "{device}\n{source}");
    }
}

#[test]
fn the_windows_lie_beside_ram_of_any_size() {
    for ram in [7 * GIB / 2, 4 * GIB, 6 * GIB, 40 * GIB] {
        let Some(source) = recompiled(&with_ram(ram)) else { return };
        for (first, last) in [ranges(&source, WINDOW), ranges(&source, RESERVATION)].concat() {
            let free = layout::ram_ranges(ram).iter().all(|range| last < range.start || first >= range.end);
            assert!(free, "{first:#x}..={last:#x} with {ram:#x} bytes of RAM");
        }
    }
}

#[test]
fn configuration_space_within_the_window_is_cut_out_of_it() {
    let above_ram = (0x8_0000_0000, 0xf_ffff_ffff);
    let table = [
        (0xe000_0000..0xf000_0000, vec![(0xc000_0000, 0xdfff_ffff), (0xf000_0000, 0xfebf_ffff), above_ram]),
        (0xf800_0000..0xfc00_0000, vec![(0xc000_0000, 0xf7ff_ffff), (0xfc00_0000, 0xfebf_ffff), above_ram]),
        (0xc000_0000..0xd000_0000, vec![(0xd000_0000, 0xfebf_ffff), above_ram]),
        (0x4_0000_0000..0x4_1000_0000, vec![(0xc000_0000, 0xfebf_ffff), above_ram]),
    ];
    for (ecam, windows) in table {
        let Some(source) = recompiled(&moved(ecam.clone())) else { return };
        assert_eq!(ranges(&source, WINDOW), windows);
        assert_eq!(ranges(&source, RESERVATION), [(ecam.start, ecam.end - 1)]);
    }
}

#[test]
fn the_guest_gets_control_of_the_express_capabilities_and_is_told_what_it_does_not_get() {
    let uuid = "5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66";
    let other_uuid = uuid.replace("5B", "5C");
    // Arguments of _OSC: UUID, revision, capabilities; and the answer: status, support, control.
    let table = [
        (uuid, 1, "00 00 00 00 1F 00 00 00 10 00 00 00", "00 00 00 00 1F 00 00 00 10 00 00 00"),
        (uuid, 1, "01 00 00 00 1F 00 00 00 3F 00 00 00", "11 00 00 00 1F 00 00 00 10 00 00 00"),
        (uuid, 2, "00 00 00 00 1F 00 00 00 10 00 00 00", "08 00 00 00 1F 00 00 00 10 00 00 00"),
        (&other_uuid, 1, "00 00 00 00 1F 00 00 00 1D 00 00 00", "04 00 00 00 1F 00 00 00 1D 00 00 00"),
    ];
    let calls =
        table.map(|(uuid, revision, asked, _)| format!("evaluate \\_SB.PCI0._OSC ({uuid}) {revision} 3 ({asked})"));
    let Some(said) = executed(&with_ram(GIB), &calls.join(";")) else { return };
    let answers = said.split("Evaluation of").skip(1);
    for (found, (.., asked, answer)) in answers.zip(table) {
        assert!(found.contains(answer), "{asked}:\n{found}");
    }
    assert_eq!(said.matches("Evaluation of").count(), table.len(), "{said}");
}

#[test]
fn interrupts_of_every_slot_and_pin_go_where_the_layout_has_them() {
    let Some(source) = recompiled(&with_ram(GIB)) else { return };
    let (_, routes) = source.split_once("Name (_PRT").unwrap();
    let numbers = routes.lines().filter_map(|line| {
        let text = line.trim().trim_end_matches(',');
        let text = text.split_whitespace().next()?;
        match text.trim_end_matches(',') {
            "Zero" => Some(0),
            "One" => Some(1),
            text => u32::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        }
    });
    let numbers: Vec<u32> = numbers.collect();
    let routes: Vec<&[u32]> = numbers.chunks_exact(4).take(128).collect();
    assert_eq!(routes.len(), 128);
    for (index, route) in (0..).zip(routes) {
        let (slot, pin) = (index / 4, index % 4);
        let line = layout::pci_irq(u8::try_from(slot).unwrap(), u8::try_from(pin).unwrap());
        assert_eq!(route, [slot << 16 | 0xffff, pin, 0, line]);
    }
}

#[test]
fn the_largest_machine_fits_the_tables_area() {
    let ids: Vec<u8> = (0..=254).collect();
    let tables = build(&config(&ids, 1, PciHost::at_power_on(GIB)), BASE);
    assert!(tables.blob.len() as u64 <= layout::ACPI_TABLES.end - BASE, "{} bytes", tables.blob.len());
}

proptest! {
    #[test]
    fn wherever_configuration_space_is_the_tables_hold(start in 0u64..0xfff, log_length in 26u32..=28, ram in 0u64..1 << 42) {
        let ecam = start << 20..(start << 20) + (1 << log_length);
        let tables = build(&config(&[0, 3], 1, PciHost { ecam, ..PciHost::at_power_on(ram) }), BASE);
        prop_assert_eq!(follow(&tables).len(), 4);
    }
}

#[test]
fn windows_of_firmware_begin_at_the_end_of_ram() {
    let pci =
        PciHost { window32: 0x8000_0000..0xfec0_0000, window64: 7 * GIB..1 << 40, ..PciHost::at_power_on(5 * GIB) };
    let above_ram = (7 * GIB, (1 << 40) - 1);
    for (ecam, windows) in [
        (0xe000_0000..0xf000_0000, [(0x8000_0000, 0xdfff_ffff), (0xf000_0000, 0xfebf_ffff), above_ram]),
        (0xb000_0000..0xc000_0000, [(0x8000_0000, 0xafff_ffff), (0xc000_0000, 0xfebf_ffff), above_ram]),
    ] {
        let Some(source) = recompiled(&config(&[0], 1, PciHost { ecam, ..pci.clone() })) else { return };
        assert_eq!(ranges(&source, WINDOW), windows);
    }
}
