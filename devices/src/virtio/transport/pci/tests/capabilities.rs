//! The configuration space: identity, BARs, where the structures are, and the window.

use super::*;
use crate::pci::header;
use crate::virtio::testing::CORE_FEATURES;

const VENDOR: u8 = 9;

fn read(machine: &PciMachine, offset: u16, width: Width) -> u32 {
    machine.function.read_config(offset, width)
}

/// (cfg_type, bar, offset, length) of each virtio capability.
fn structures(machine: &PciMachine) -> Vec<(u32, u32, u32, u32)> {
    let one = |at: u16| {
        let byte = |offset| read(machine, at + offset, Width::Byte);
        let dword = |offset| read(machine, at + offset, Width::Dword);
        assert_eq!(byte(2), if byte(3) == 2 || byte(3) == 5 { 20 } else { 16 }, "cap_len");
        (byte(3), byte(4), dword(8), dword(12))
    };
    machine.capabilities(VENDOR).into_iter().map(one).collect()
}

/// Where the window is.
fn window(machine: &PciMachine) -> u16 {
    machine.capabilities(VENDOR)[4]
}

/// Points the window at BAR `bar`.
fn aim(machine: &PciMachine, bar: u32, offset: u32, length: u32) {
    let at = window(machine);
    machine.function.write_config(at + 4, Width::Byte, bar);
    machine.function.write_config(at + 8, Width::Dword, offset);
    machine.function.write_config(at + 12, Width::Dword, length);
}

#[test]
fn the_header_says_which_device_it_is() {
    let machine = machine();
    assert_eq!(read(&machine, header::VENDOR_ID, Width::Dword), 0x1044_1af4);
    assert_eq!(read(&machine, header::REVISION, Width::Dword), 0xff00_0001);
    assert_eq!(read(&machine, header::SUBSYSTEM, Width::Dword), 0x1044_1af4);
    let disk = PciMachine::new(disk(), ram());
    assert_eq!(read(&disk, header::VENDOR_ID, Width::Dword), 0x1042_1af4);
    assert_eq!(read(&disk, header::REVISION, Width::Dword), 0x0180_0001);
}

#[test]
fn the_capabilities_say_where_the_structures_are() {
    let machine = machine();
    let expected = [(1, 0, 0, 0x3c), (3, 0, 0x1000, 1), (4, 0, 0x2000, 0x1000), (2, 0, 0x3000, 4), (5, 0, 0, 0)];
    assert_eq!(structures(&machine), expected);
    assert_eq!(read(&machine, machine.capabilities(VENDOR)[3] + 16, Width::Dword), 4, "notify_off_multiplier");
    assert_eq!((machine.capabilities(0x11).len(), machine.capabilities(0x10).len()), (1, 1), "MSI-X, PCI Express");
}

#[test]
fn bars_are_sized_moved_and_disabled() {
    let machine = machine();
    for (offset, value) in [(0x10, 0xffff_c004), (0x14, 0xffff_ffff), (0x20, 0xffff_f000), (0x18, 0), (0x24, 0)] {
        machine.function.write_config(offset, Width::Dword, u32::MAX);
        assert_eq!(read(&machine, offset, Width::Dword), value, "{offset:#x}");
    }
    for (offset, value) in [(0x10, 0x1000_4000), (0x14, 3), (0x20, 0xc000_1000)] {
        machine.function.write_config(offset, Width::Dword, value);
    }
    assert!(machine.function.decoded().is_empty());
    machine.set_command(Command::MEMORY);
    let ranges: Vec<_> = machine.function.decoded().into_iter().map(|bar| (bar.bar, bar.range)).collect();
    assert_eq!(ranges, [(0, 0x3_1000_4000..0x3_1000_8000), (4, 0xc000_1000..0xc000_2000)]);
    for bar in [1, 2, 3, 5, 6] {
        assert!(machine.function.bar_device(bar).is_none());
    }
}

#[test]
fn the_structures_of_many_queues_fit_their_bar() {
    assert_eq!([0, 1, 1024].map(bar::size), [0x4000; 3]);
    assert_eq!(bar::size(1025), 0x8000);
    assert_eq!(bar::notify_length(1025), 4100);
}

#[test]
fn the_window_reaches_the_structures() {
    let machine = machine();
    let data = window(&machine) + 16;
    aim(&machine, 0, 0x14, 1);
    for status in [1, 3] {
        machine.function.write_config(data, Width::Byte, status);
        assert_eq!((read(&machine, data, Width::Byte), machine.status()), (status, status.into()));
    }
    aim(&machine, 0, 0x18, 2);
    assert_eq!(read(&machine, data, Width::Word), 64);
    aim(&machine, 0, 0, 4);
    machine.function.write_config(data, Width::Dword, 1);
    aim(&machine, 0, 4, 4);
    assert_eq!(read(&machine, data, Width::Dword), CORE_FEATURES[1]);
    machine.start(8);
    aim(&machine, 0, 0x3000, 2);
    machine.function.write_config(data, Width::Word, 0);
    assert_eq!(machine.function.doorbells(0)[0].event.read().unwrap(), 1);
}

#[test]
fn the_window_takes_and_gives_as_many_bytes_as_its_length_says() {
    let machine = machine();
    let data = window(&machine) + 16;
    machine.function.write_config(data, Width::Dword, 0xaabb_ccdd);
    aim(&machine, 0, 0x14, 1);
    machine.function.write_config(data, Width::Dword, 0xaabb_cc01);
    assert_eq!(machine.status(), 1);
    assert_eq!(read(&machine, data, Width::Dword), 0xaabb_cc01);
    machine.set_status(0);
    assert_eq!(read(&machine, data, Width::Dword), 0xaabb_cc00);
}

#[test]
fn an_impossible_window_is_only_memory() {
    let machine = machine();
    let data = window(&machine) + 16;
    for (bar, offset, length) in [
        (1, 0x14, 1),
        (4, 0, 4),
        (0, 0x15, 2),
        (0, 0x12, 4),
        (0, 0x14, 0),
        (0, 0x14, 3),
        (0, 0x10, 8),
        (0, 0x4000, 1),
        (0, u32::MAX, 1),
        (0, 0x14, u32::MAX),
    ] {
        aim(&machine, bar, offset, length);
        machine.function.write_config(data, Width::Dword, 0x0101_0101);
        assert_eq!(read(&machine, data, Width::Dword), 0x0101_0101, "{bar} {offset:#x} {length}");
        assert_eq!(machine.status(), 0);
    }
}

#[test]
fn reading_beside_the_window_accesses_nothing() {
    let machine = machine();
    let mut driver = machine.start(8);
    aim(&machine, 0, 0x1000, 1);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    let at = window(&machine);
    for offset in [at + 12, at + 20] {
        read(&machine, offset, Width::Dword);
    }
    assert!(machine.is_asserted());
    assert_eq!(read(&machine, at + 16, Width::Byte), 1, "ISR");
    assert!(!machine.is_asserted());
}
