//! Tests of the bus: who answers where.

mod buses;
mod model;

use super::*;
use crate::pci::testing::{FakeFunction, FakeMapper, Machine, address, host_bridge, root_port};
use crate::pci::{RootPort, Slot, Space};
use model::expected;
use std::thread;

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];

const FIRST: Slot = Slot::new(1, 0);
const SECOND: Slot = Slot::new(1, 1);
const ORPHAN: Slot = Slot::new(3, 1);
const PORT: Slot = Slot::new(4, 0);
const OTHER_PORT: Slot = Slot::new(4, 1);
const BEHIND: Slot = Slot::new(0, 0);

/// Functions alone and together, one whose device lacks function 0, and two behind root ports.
struct Parts {
    functions: [Arc<FakeFunction>; 5],
    ports: [Arc<RootPort>; 2],
}

impl Parts {
    fn new() -> Self {
        Self {
            functions: ["a", "b", "orphan", "c", "d"].map(FakeFunction::new),
            ports: [root_port("port1", 1), root_port("port2", 2)],
        }
    }

    fn machine(&self) -> Machine {
        let [a, b, orphan, c, d] = self.functions.clone();
        let [port, other] = self.ports.clone();
        Machine::new(&[
            (&[FIRST], a),
            (&[SECOND], b),
            (&[ORPHAN], orphan),
            (&[PORT], port),
            (&[OTHER_PORT], other),
            (&[PORT, BEHIND], c),
            (&[OTHER_PORT, BEHIND], d),
        ])
    }
}

/// A machine whose root ports have buses 1 and 2.
fn machine() -> Machine {
    let machine = Parts::new().machine();
    machine.write(address(0, 4, 0), header::SECONDARY_BUS, Width::Word, 0x0101);
    machine.write(address(0, 4, 1), header::SECONDARY_BUS, Width::Word, 0x0202);
    machine
}

#[test]
fn an_absent_function_reads_all_ones() {
    let machine = machine();
    for absent in [address(0, 2, 0), address(0, 1, 2), address(1, 1, 0), address(3, 0, 0), address(255, 31, 7)] {
        for width in WIDTHS {
            assert_eq!(machine.read(absent, 0, width), width.ones(), "{absent}");
            machine.write(absent, 0, width, 0);
        }
    }
}

#[test]
fn a_device_without_function_0_is_not_there() {
    let machine = machine();
    assert_eq!(machine.read(address(0, 3, 1), 0, Width::Dword), 0xffff_ffff);
    machine.write(address(0, 3, 1), 0x1c, Width::Dword, 0xc000_0000);
    machine.write(address(0, 3, 1), 0x04, Width::Dword, 3);
    assert_eq!(machine.mapper.mapped(), []);
}

#[test]
fn the_header_type_tells_of_a_devices_other_functions() {
    let machine = machine();
    for (address, expected) in [
        (address(0, 0, 0), 0),
        (address(0, 1, 0), 0x80),
        (address(0, 1, 1), 0x80),
        (address(0, 4, 0), 0x81),
        (address(1, 0, 0), 0),
    ] {
        assert_eq!(machine.read(address, 0x0e, Width::Byte), expected, "{address}");
        assert_eq!(machine.read(address, 0x0e, Width::Word), expected);
        assert_eq!(machine.read(address, 0x0c, Width::Dword), expected << 16);
        assert_eq!(machine.read(address, 0x08, Width::Qword) >> 48, expected);
        assert_eq!(machine.read(address, 0x0d, Width::Byte), 0);
    }
}

#[test]
fn buses_have_the_numbers_that_the_guest_gives_them() {
    let machine = Parts::new().machine();
    let id = |bus| machine.read(address(bus, 0, 0), 0, Width::Dword);
    assert_eq!([id(0), id(1)], [0x29c0_8086, 0xffff_ffff]);
    machine.write(address(0, 4, 0), header::PRIMARY_BUS, Width::Dword, 0x0009_0700);
    assert_eq!([id(7), id(8), id(9), id(0)], [0x1044_1af4, 0xffff_ffff, 0xffff_ffff, 0x29c0_8086]);
    // Where two bridges claim a bus, the first has it.
    machine.write(address(0, 4, 1), header::PRIMARY_BUS, Width::Dword, 0x0008_0800);
    assert_eq!([id(7), id(8)], [0x1044_1af4, 0xffff_ffff]);
    machine.write(address(0, 4, 0), header::SUBORDINATE_BUS, Width::Byte, 7);
    assert_eq!([id(7), id(8)], [0x1044_1af4, 0x1044_1af4]);
}

#[test]
fn accesses_across_registers_are_those_of_single_bytes() {
    let machine = machine();
    let (first, whole) = (address(0, 1, 0), 0x0010_0000_1044_1af4_u64);
    assert_eq!(machine.read(first, 0, Width::Qword), whole & !0x0010_0000_0000_0000);
    assert_eq!(machine.read(first, 1, Width::Dword), 0x0010_441a);
    assert_eq!(machine.read(first, 0xffe, Width::Qword), 0xffff_ffff_ffff_0000, "beyond the end nothing answers");
    assert_eq!(machine.read(first, u16::MAX, Width::Qword), u64::MAX);
    machine.write(first, 0x0b, Width::Dword, 0x0000_3300);
    assert_eq!(machine.read(first, 0x0c, Width::Byte), 0x33);
    machine.write(first, u16::MAX, Width::Qword, 0);
}

#[test]
fn a_bar_moves_with_its_register_and_goes_with_the_command_register() {
    let machine = machine();
    let first = address(0, 1, 0);
    machine.write(first, 0x1c, Width::Dword, 0xc000_0000);
    assert_eq!(machine.mapper.mapped(), []);
    machine.write(first, 0x04, Width::Word, 2);
    let at = |start| ("a".to_owned(), 3, Space::Memory, start..start + 0x1000);
    assert_eq!(machine.mapper.mapped(), [at(0xc000_0000)]);
    machine.mapper.take_calls();
    machine.write(first, 0x1c, Width::Dword, 0xd000_0000);
    assert_eq!(machine.mapper.mapped(), [at(0xd000_0000)]);
    assert_eq!(machine.mapper.take_calls(), [('-', "a".into()), ('+', "a".into())]);
    machine.write(first, 0x3c, Width::Byte, 7);
    machine.write(first, 0x1c, Width::Dword, 0xd000_0000);
    assert_eq!(machine.mapper.take_calls(), [], "nothing has changed");
    machine.write(first, 0x04, Width::Word, 0);
    assert_eq!(machine.mapper.mapped(), []);
}

#[test]
fn of_two_bars_in_one_place_the_second_waits() {
    let machine = machine();
    let [first, second] = [address(0, 1, 0), address(0, 1, 1)];
    for function in [second, first] {
        machine.write(function, 0x1c, Width::Dword, 0xc000_0000);
        machine.write(function, 0x04, Width::Word, 2);
    }
    let of = |name: &str| (name.to_owned(), 3, Space::Memory, 0xc000_0000..0xc000_1000);
    assert_eq!(machine.mapper.mapped(), [of("a")]);
    assert_eq!(machine.mapper.take_calls()[2..], [('-', "b".into()), ('+', "a".into())]);
    machine.write(first, 0x04, Width::Word, 0);
    assert_eq!(machine.mapper.mapped(), [of("b")]);
}

#[test]
fn a_bar_behind_a_bridge_needs_an_open_window() {
    let machine = machine();
    let (port, behind) = (address(0, 4, 0), address(1, 0, 0));
    machine.write(behind, 0x1c, Width::Dword, 0xc010_0000);
    machine.write(behind, 0x04, Width::Word, 3);
    assert_eq!(machine.mapper.mapped(), []);
    machine.write(port, header::MEMORY_WINDOW, Width::Dword, 0xc010_c010);
    assert_eq!(machine.mapper.mapped(), [], "the bridge does not decode");
    machine.write(port, 0x04, Width::Word, 2);
    assert_eq!(machine.mapper.mapped(), [("c".to_owned(), 3, Space::Memory, 0xc010_0000..0xc010_1000)]);
    machine.write(port, header::MEMORY_WINDOW, Width::Dword, 0xc010_c020);
    assert_eq!(machine.mapper.mapped(), [], "the window is closed: it ends before it starts");
}

#[test]
fn moving_the_host_bridges_window_moves_configuration_space() {
    let machine = machine();
    let host = address(0, 0, 0);
    assert_eq!(machine.mapper.ecam(), Some(0xb000_0000..0xc000_0000));
    for (low, high, expected) in [
        (0xe000_0001, 0, Some(0xe000_0000..0xf000_0000)),
        (0xe800_0003, 0, Some(0xe800_0000..0xf000_0000)),
        (0xec00_0005, 0, Some(0xec00_0000..0xf000_0000)),
        (0xec00_0001, 0, Some(0xe000_0000..0xf000_0000)),
        (0xe000_0007, 0, None),
        (0xe000_0000, 0, None),
        (0x0000_0001, 0, None),
        (0x0000_0001, 0xffff_ffff, Some(0xf_0000_0000..0xf_1000_0000)),
    ] {
        machine.write(host, 0x60, Width::Dword, low);
        machine.write(host, 0x64, Width::Dword, high);
        assert_eq!(machine.mapper.ecam(), expected, "{low:#x}");
    }
}

#[test]
fn configuration_space_is_the_same_in_memory() {
    let machine = machine();
    let ecam = Ecam::new(Arc::downgrade(&machine.bus));
    assert_eq!(ecam.read(0, Width::Dword), 0x29c0_8086);
    assert_eq!(ecam.read(1 << 20, Width::Dword), 0x1044_1af4);
    assert_eq!(ecam.read(5 << 20, Width::Word), 0xffff);
    ecam.write(0x8000 + 0x3c, Width::Byte, 0x17);
    assert_eq!(machine.read(address(0, 1, 0), 0x3c, Width::Byte), 0x17);
    drop(machine);
    assert_eq!(ecam.read(0, Width::Dword), 0xffff_ffff);
    ecam.write(0, Width::Dword, 0);
}

#[test]
fn writes_from_several_threads_leave_what_the_registers_say() {
    let parts = Parts::new();
    let machine = parts.machine();
    thread::scope(|scope| {
        for function in 0..2 {
            let machine = &machine;
            scope.spawn(move || {
                for round in 0..200 {
                    let address = address(0, 1, function);
                    machine.write(address, 0x1c, Width::Dword, 0xc000_0000 + 0x1000 * (round % 3));
                    machine.write(address, 0x04, Width::Word, 2 * (round & 1));
                }
            });
        }
    });
    assert_eq!(machine.mapper.mapped(), expected(&parts));
}

#[test]
fn what_functions_decode_already_is_mapped_at_once() {
    let function = FakeFunction::new("a");
    function.write_config(0x1c, Width::Dword, 0xc000_0000);
    function.write_config(0x04, Width::Word, 2);
    let mut topology = Topology::new(host_bridge());
    topology.insert(&[FIRST], function).unwrap();
    let mapper = Arc::new(FakeMapper::default());
    let _bus = PciBus::new(topology, mapper.clone());
    assert_eq!(mapper.mapped().len(), 1);
}

#[test]
fn dropping_the_bus_takes_everything_off() {
    let machine = machine();
    machine.write(address(0, 1, 0), 0x1c, Width::Dword, 0xc000_0000);
    machine.write(address(0, 1, 0), 0x04, Width::Word, 2);
    let Machine { bus, mapper } = machine;
    assert_eq!((mapper.mapped().len(), mapper.ecam().is_some()), (1, true));
    drop(bus);
    assert_eq!((mapper.mapped().len(), mapper.ecam().is_some()), (0, false));
}
