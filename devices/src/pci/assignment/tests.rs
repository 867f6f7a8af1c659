//! Tests of the assignment: everything has an address of its own, and bridges pass it on.

use super::*;
use crate::bus::Width;
use crate::pci::testing::{FakeFunction, IDENTITY, Machine, address, root_port};
use crate::pci::{BarKind, PciConfiguration, PciFunction, Slot, Space, header};
use proptest::prelude::*;
use std::sync::Arc;

const BEHIND: Slot = Slot::new(0, 0);

fn windows() -> Windows {
    Windows { io: 0x8000..0x1_0000, memory32: 0xc000_0000..0xfc00_0000, memory64: 0x8_0000_0000..0x10_0000_0000 }
}

/// One function alone, two behind ports.
fn machine() -> Machine {
    let (port, other) = (Slot::new(2, 0), Slot::new(2, 1));
    Machine::new(&[
        (&[Slot::new(1, 0)], FakeFunction::new("a")),
        (&[port], root_port("port1", 1)),
        (&[other], root_port("port2", 2)),
        (&[port, BEHIND], FakeFunction::new("b")),
        (&[other, BEHIND], FakeFunction::with("c", PciConfiguration::new(IDENTITY))),
    ])
}

#[test]
fn bars_are_assigned_the_largest_first_and_only_bridges_are_switched_on() {
    let machine = machine();
    machine.bus.assign(&windows()).unwrap();
    let bars = |bus, device| {
        let function = address(bus, device, 0);
        [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30].map(|offset| machine.read(function, offset, Width::Dword))
    };
    // On the root bus all BARs of 64 bits are above 4 GiB, behind a bridge only the prefetchable one.
    assert_eq!(bars(0, 1), [0x0010_000c, 8, 0x9001, 0xc011_0000, 0x0010_4004, 8, 0xc010_0000]);
    assert_eq!(bars(1, 0), [0x0000_000c, 8, 0x8001, 0xc001_2000, 0xc001_0004, 0, 0xc000_0000]);
    let commands = [address(0, 1, 0), address(0, 2, 0), address(0, 2, 1), address(1, 0, 0)]
        .map(|function| machine.read(function, header::COMMAND, Width::Word));
    assert_eq!(commands, [0, 7, 7, 0]);
    assert_eq!(machine.mapper.mapped(), []);
}

#[test]
fn buses_are_numbered_and_windows_are_as_large_as_what_is_behind() {
    let machine = machine();
    machine.bus.assign(&windows()).unwrap();
    let read = |function, offset| machine.read(address(0, 2, function), offset, Width::Dword);
    assert_eq!([read(0, 0x18), read(1, 0x18)], [0x0001_0100, 0x0002_0200]);
    assert_eq!([read(0, 0x1c), read(0, 0x20), read(0, 0x24)], [0x8080, 0xc000_c000, 0x0001_0001]);
    assert_eq!([read(0, 0x28), read(0, 0x2c)], [8, 8]);
    // Nothing is behind the second port that wants an address: its windows end before they start.
    assert_eq!([read(1, 0x1c), read(1, 0x20), read(1, 0x24)], [0x00f0, 0x0000_fff0, 0x0001_fff1]);
}

#[test]
fn a_full_window_is_told_with_the_function_that_found_it_full() {
    let machine = machine();
    let full = machine.bus.assign(&Windows { io: 0x8000..0x9000, ..windows() });
    assert_eq!(
        full.unwrap_err().to_string(),
        "No room for 0x40 bytes of PCI function 00:01.0 in 0x8000..0x9000: use fewer devices"
    );
    let full = machine.bus.assign(&Windows { memory32: 0xffff_ffff_ffff_f000..u64::MAX, ..windows() });
    assert!(matches!(full, Err(AssignmentError::Full { size: 0x10_0000, .. })));
}

#[test]
fn a_256th_bridge_has_no_bus_number() {
    let functions: Vec<([Slot; 1], Arc<dyn PciFunction>)> = (8..=u8::MAX)
        .map(|number| ([Slot::from_number(number)], root_port(&format!("port{number}"), number) as _))
        .collect();
    let functions: Vec<(&[Slot], _)> = functions.iter().map(|(path, port)| (&path[..], Arc::clone(port))).collect();
    Machine::new(&functions).bus.assign(&windows()).unwrap();
    // The first bridge has eight more behind it.
    let mut functions = functions;
    let first = Slot::from_number(8);
    let paths: Vec<[Slot; 2]> = (0..8).map(|number| [first, Slot::from_number(number)]).collect();
    for (number, path) in (0..).zip(&paths) {
        functions.push((path, root_port(&format!("nested{number}"), number)));
    }
    let none = Machine::new(&functions).bus.assign(&windows());
    assert_eq!(none, Err(AssignmentError::NoBusNumber(address(0, 31, 7))));
}

/// What a function of the test has: kinds and sizes of BARs, ROM size, and whether it is behind a port.
type Layout = (Vec<(usize, u32)>, Option<u32>, bool);

fn laid_out((bars, rom, _): &Layout) -> (PciConfiguration, usize) {
    let (mut space, mut count, mut next) = (PciConfiguration::new(IDENTITY), 0, 0);
    for (kind, exponent) in bars {
        let kinds = [BarKind::Io, BarKind::Memory32, BarKind::Memory64, BarKind::PrefetchableMemory64];
        if space.add_bar(next, kinds[*kind], 1 << exponent).is_ok() {
            count += 1;
            next += if *kind > 1 { 2 } else { 1 };
        }
    }
    if rom.is_some_and(|exponent| space.add_rom(1 << exponent).is_ok()) {
        count += 1;
    }
    (space, count)
}

proptest! {
    /// Switched on, every BAR is mapped: none overlaps, and every bridge passes on what is behind it.
    #[test]
    fn everything_that_has_an_address_is_reached(
        layouts in prop::collection::vec(
            (prop::collection::vec((0usize..4, 2u32..22), 0..4), prop::option::of(11u32..17), any::<bool>()), 0..6
        )
    ) {
        let mut functions: Vec<(Vec<Slot>, Arc<dyn PciFunction>)> = Vec::new();
        let mut bars = 0;
        for (device, layout) in (1..).zip(&layouts) {
            let (slot, (space, count)) = (Slot::new(device, 0), laid_out(layout));
            let mut path = vec![slot];
            if layout.2 {
                functions.push((path.clone(), root_port(&format!("port{device}"), device)));
                path.push(BEHIND);
            }
            functions.push((path, FakeFunction::with(&format!("f{device}"), space)));
            bars += count;
        }
        let functions: Vec<(&[Slot], _)> =
            functions.iter().map(|(path, function)| (&path[..], Arc::clone(function))).collect();
        let machine = Machine::new(&functions);
        machine.bus.assign(&windows()).unwrap();
        prop_assert!(machine.mapper.take_calls().len() == 1, "only the host bridge's window was mapped");
        for (path, function) in &functions {
            function_on(&machine, function.as_ref(), path);
        }
        prop_assert_eq!(machine.mapper.mapped().len(), bars);
        for (_, _, space, range) in machine.mapper.mapped() {
            let Windows { io, memory32, memory64 } = windows();
            let within = |window: &Range<u64>| window.start <= range.start && range.end <= window.end;
            let is_within = match space {
 Space::Io => within(&io),
 Space::Memory => within(&memory32) || within(&memory64),
 };
 prop_assert!(is_within);
        }
    }
}

/// Switches a function on, as a driver does.
fn function_on(machine: &Machine, function: &dyn PciFunction, path: &[Slot]) {
    let slot = *path.last().unwrap();
    let bus = match path {
        [port, _] => {
            let port = PciAddress { bus: 0, slot: *port };
            u8::try_from(machine.read(port, header::SECONDARY_BUS, Width::Byte)).unwrap()
        }
        _ => 0,
    };
    let address = PciAddress { bus, slot };
    machine.write(address, header::COMMAND, Width::Word, 3);
    if function.forwarding().is_none() {
        let rom = machine.read(address, header::ROM, Width::Dword);
        machine.write(address, header::ROM, Width::Dword, rom | 1);
    }
}
