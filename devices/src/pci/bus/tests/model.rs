//! What is mapped, against a naive model.

use super::*;
use crate::pci::testing::{BARS, Mapped, ROM_SIZE};
use crate::pci::{BarKind, ROM_BAR};
use proptest::prelude::*;

/// What is to be mapped: found by looking at the registers only.
pub(super) fn expected(parts: &Parts) -> Vec<Mapped> {
    let [a, b, _, c, d] = &parts.functions;
    let [port, other] = &parts.ports;
    let mut all: Vec<Mapped> = Vec::new();
    for (function, bridge) in [(a, None), (b, None), (c, Some(port)), (d, Some(other))] {
        for (bar, space, start, size) in registers_decode(function.as_ref()) {
            let end = start + size;
            let passes = bridge.is_none_or(|bridge| passes(bridge, space, start) && passes(bridge, space, end - 1));
            let window = all
                .iter()
                .all(|(.., other_space, other)| *other_space != space || end <= other.start || other.end <= start);
            let ecam = space == Space::Io || end <= 0xb000_0000 || start >= 0xc000_0000;
            if passes && window && ecam {
                all.push((function.id().to_string(), bar, space, start..end));
            }
        }
    }
    all.sort_by_key(|(name, bar, ..)| (name.clone(), *bar));
    all
}

fn registers_decode(function: &dyn PciFunction) -> Vec<(u8, Space, u64, u64)> {
    let register = |offset| u64::from(function.read_config(offset, Width::Dword));
    let (command, mut found) = (register(4), Vec::new());
    for (bar, kind, size) in BARS {
        let offset = 0x10 + 4 * u16::from(bar);
        let (low, high) = (register(offset), register(offset + 4));
        let (on, space, start, end) = match kind {
            BarKind::Io => (1, Space::Io, low & !3, 0x1_0001),
            BarKind::Memory32 => (2, Space::Memory, low & !15, 1 << 32),
            _ => (2, Space::Memory, high << 32 | low & !15, u64::MAX),
        };
        if command & on != 0 && start != 0 && start.checked_add(size).is_some_and(|last| last < end) {
            found.push((bar, space, start, size));
        }
    }
    let rom = register(0x30);
    if command & 2 != 0 && rom & 1 != 0 && rom > 1 && rom + ROM_SIZE < 1 << 32 {
        found.push((ROM_BAR, Space::Memory, rom - 1, ROM_SIZE));
    }
    found
}

/// Whether one address passes a bridge: its page or MiB is from the base's to the limit's. No range of the tests is so
/// large that its two ends could be in two windows.
fn passes(bridge: &RootPort, space: Space, address: u64) -> bool {
    let register = |offset| u64::from(bridge.read_config(offset, Width::Dword));
    let command = register(4);
    let io = (register(0x1c) >> 4 & 0xf)..=(register(0x1c) >> 12 & 0xf);
    let memory = (register(0x20) >> 4 & 0xfff)..=(register(0x20) >> 20);
    let prefetch = (register(0x28) << 12 | register(0x24) >> 4 & 0xfff)..=(register(0x2c) << 12 | register(0x24) >> 20);
    match space {
        Space::Io => command & 1 != 0 && io.contains(&(address >> 12)),
        Space::Memory => command & 2 != 0 && (memory.contains(&(address >> 20)) || prefetch.contains(&(address >> 20))),
    }
}

/// Registers that matter, and values that bring ranges near each other.
fn write() -> impl Strategy<Value = (u8, u16, Width, u64)> {
    let value = prop_oneof![
        4 => (0u64..4, 0u64..4).prop_map(|(high, low)| 0xc000_0000 + (high << 20) + (low << 12)),
        2 => (0u64..4).prop_map(|page| 0xc000 + (page << 12) + 1),
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(0),
    ];
    let windows = prop_oneof![
        (0u64..4, 0u64..4).prop_map(|(base, limit)| (0x20, (0xc000 + (base << 4)) | (0xc000 + (limit << 4)) << 16)),
        (0u64..4, 0u64..4).prop_map(|(base, limit)| (0x24, (0xc000 + (base << 4)) | (0xc000 + (limit << 4)) << 16)),
        (0u64..4, 0u64..4).prop_map(|(base, limit)| (0x1c, (0xc + base) << 4 | (0xc + limit) << 12)),
        (any::<bool>(), 0u64..2).prop_map(|(base, upper)| (if base { 0x28 } else { 0x2c }, upper)),
    ];
    let width = prop::sample::select(WIDTHS.as_slice());
    let (function, port) = (0u8..5, 5u8..7);
    prop_oneof![
        3 => (0u8..7, prop_oneof![3 => Just(3u64), 1 => 0..4u64]).prop_map(|(who, on)| (who, 4, Width::Word, on)),
        6 => (function, prop::sample::select(vec![0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30]), value)
            .prop_map(|(who, register, value)| (who, register, Width::Dword, value)),
        3 => (port, windows).prop_map(|(who, (register, value))| (who, register, Width::Dword, value)),
        1 => (0u8..7, 0x04u16..0x40, width, any::<u64>()),
    ]
}

proptest! {
    #[test]
    fn what_is_mapped_is_what_the_registers_say(
        switched_on in any::<bool>(),
        writes in prop::collection::vec(write(), 0..16),
    ) {
        let parts = Parts::new();
        for function in &parts.functions {
            function.write_config(0x04, Width::Word, if switched_on { 3 } else { 0 });
        }
        for port in &parts.ports {
            port.write_config(0x04, Width::Word, if switched_on { 3 } else { 0 });
        }
        let machine = parts.machine();
        let places = [
            address(0, 1, 0), address(0, 1, 1), address(0, 3, 1), address(1, 0, 0), address(2, 0, 0),
            address(0, 4, 0), address(0, 4, 1),
        ];
        for (who, offset, width, value) in writes {
            // Whatever was written over the bus numbers before.
            machine.write(places[5], header::SECONDARY_BUS, Width::Word, 0x0101);
            machine.write(places[6], header::SECONDARY_BUS, Width::Word, 0x0202);
            machine.write(places[usize::from(who)], offset, width, value);
            prop_assert_eq!(machine.mapper.mapped(), expected(&parts));
        }
        // A bus that finds the registers so has the same mapped.
        prop_assert_eq!(parts.machine().mapper.mapped(), machine.mapper.mapped());
    }

    #[test]
    fn no_access_panics(
        accesses in prop::collection::vec(
            (0u8..3, 0u8..6, any::<u8>(), any::<u16>(), 0usize..4, any::<u64>(), any::<bool>()), 0..16
        )
    ) {
        let machine = machine();
        for (bus, device, function, offset, width, value, near) in accesses {
            let (address, width) = (address(bus, device, function), WIDTHS[width]);
            let offset = if near { offset % 0x140 } else { offset };
            machine.write(address, offset, width, value);
            prop_assert_eq!(machine.read(address, offset, width) & !width.ones(), 0);
        }
    }
}
