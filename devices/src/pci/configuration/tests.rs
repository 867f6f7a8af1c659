//! Tests of the configuration space.

use super::*;
use crate::pci::testing::{BARS, IDENTITY, ROM_SIZE, configuration};
use crate::pci::{DecodedBar, ROM_BAR, Space};
use crate::state::StateError;
use proptest::prelude::*;

const WIDTHS: [Width; 3] = [Width::Byte, Width::Word, Width::Dword];

/// Everything that a function can have.
fn full() -> PciConfiguration {
    let mut space = configuration();
    space.set_interrupt_pin(Pin::C);
    space.add_express(ExpressKind::Endpoint).unwrap();
    let vendor = space.add_capability(0x09, &[0x10, 0xff, 0xff, 0xff]).unwrap();
    space.make_writable(vendor + 3, Width::Byte, 0x0f);
    space.add_extended_capability(0x0b, 1, &[1, 2, 3, 4]).unwrap();
    space
}

fn bytes(space: &PciConfiguration) -> Vec<u8> {
    (0..0x1000).map(|offset| u8::try_from(space.read(offset, Width::Byte)).unwrap()).collect()
}

#[test]
fn the_header_says_what_the_function_is() {
    let space = full();
    let read = |offset| space.read(offset, Width::Dword);
    assert_eq!([read(0), read(0x08), read(0x2c)], [0x1044_1af4, 0xff02_0301, 0x1100_1af5]);
    assert_eq!(space.read(header::STATUS, Width::Word), 0x10);
    assert_eq!((space.read(header::HEADER_TYPE, Width::Byte), space.read(header::INTERRUPT_PIN, Width::Byte)), (0, 3));
    let bridge = PciConfiguration::new_bridge(IDENTITY);
    assert_eq!((bridge.read(header::HEADER_TYPE, Width::Byte), bridge.read(0x2c, Width::Dword)), (1, 0));
}

#[test]
fn the_command_register_keeps_the_bits_that_mean_something() {
    let mut space = full();
    space.write(header::COMMAND, Width::Dword, u32::MAX);
    assert_eq!(space.read(header::COMMAND, Width::Dword), 0x0010_0547);
    assert_eq!(space.command(), Command::all());
    space.write(header::COMMAND + 1, Width::Byte, 0);
    assert_eq!(space.command(), Command::IO | Command::MEMORY | Command::BUS_MASTER | Command::PARITY);
}

#[test]
fn the_interrupt_status_is_set_by_the_function_only() {
    let mut space = full();
    space.set_interrupt_status(true);
    space.write(header::STATUS, Width::Word, 0);
    assert_eq!(space.read(header::STATUS, Width::Word), 0x18);
    space.set_interrupt_status(false);
    space.write(header::STATUS, Width::Word, 0xffff);
    assert_eq!(space.read(header::STATUS, Width::Word), 0x10);
}

#[test]
fn the_lists_of_capabilities_lead_from_one_to_the_next() {
    let mut space = full();
    let second = space.add_extended_capability(0x19, 2, &[]).unwrap();
    assert_eq!(space.read(header::CAPABILITIES, Width::Byte), 0x40);
    assert_eq!(space.read(0x40, Width::Dword), 0x0002_7c10, "PCI Express, version 2, endpoint");
    assert_eq!(space.read(0x7c, Width::Dword), 0xff10_0009);
    assert_eq!(second, 0x108);
    assert_eq!(space.read(0x100, Width::Dword), 0x1081_000b);
    assert_eq!((space.read(0x104, Width::Dword), space.read(0x108, Width::Dword)), (0x0403_0201, 0x0002_0019));
}

#[test]
fn capabilities_that_do_not_fit_are_refused() {
    let mut space = PciConfiguration::new(IDENTITY);
    assert_eq!(space.add_capability(9, &[0; 0xbf]), Err(LayoutError::Capability { id: 9, size: 0xc1 }));
    assert_eq!(space.add_capability(9, &[0; 0xbe]), Ok(0x40));
    assert_eq!(space.add_capability(9, &[]), Err(LayoutError::Capability { id: 9, size: 2 }));
    assert_eq!(space.read(header::CAPABILITIES, Width::Word), 0x40);
    assert_eq!(space.read(0x41, Width::Byte), 0, "the list ends");
    let too_large = space.add_extended_capability(1, 1, &[0; 0xefd]);
    assert_eq!(too_large, Err(LayoutError::Capability { id: 1, size: 0xf01 }));
    assert_eq!(space.add_extended_capability(1, 1, &[0; 0xefc]), Ok(0x100));
}

#[test]
fn impossible_bars_are_refused() {
    let mut space = configuration();
    let size = |bar, size, least, most| Err(LayoutError::Size { bar, size, least, most });
    assert_eq!(space.add_bar(1, BarKind::Io, 0x200), size(1, 0x200, 4, 0x100));
    assert_eq!(space.add_bar(1, BarKind::Memory32, 0), size(1, 0, 0x10, 0x8000_0000));
    assert_eq!(space.add_bar(1, BarKind::Memory32, 0x3000), size(1, 0x3000, 0x10, 0x8000_0000));
    assert_eq!(space.add_bar(1, BarKind::Memory32, 0x1000), Err(LayoutError::Bar(1)), "BAR 0's upper half");
    assert_eq!(space.add_bar(2, BarKind::Memory32, 0x1000), Err(LayoutError::Bar(2)));
    assert_eq!(space.add_rom(ROM_SIZE), Err(LayoutError::Bar(ROM_BAR)));
    let mut bridge = PciConfiguration::new_bridge(IDENTITY);
    for (bar, kind) in [(1, BarKind::Memory64), (2, BarKind::Memory32), (u8::MAX, BarKind::Memory64)] {
        assert_eq!(bridge.add_bar(bar, kind, 0x1000), Err(LayoutError::Bar(bar)));
    }
    assert_eq!(bridge.add_rom(0x400), size(ROM_BAR, 0x400, 0x800, 0x100_0000));
    assert_eq!(bridge.add_rom(0x800), Ok(()));
    bridge.write(header::BRIDGE_ROM, Width::Dword, u32::MAX);
    assert_eq!(bridge.read(header::BRIDGE_ROM, Width::Dword), 0xffff_f801);
}

#[test]
fn a_bar_decodes_where_it_is_while_its_space_is_switched_on() {
    let mut space = configuration();
    space.write(0x10, Width::Dword, 0x1_2345);
    space.write(0x14, Width::Dword, 0x7);
    space.write(0x18, Width::Dword, 0xc045);
    assert_eq!(space.decoded(), []);
    space.write(header::COMMAND, Width::Word, 1);
    let ports = DecodedBar { bar: 2, space: Space::Io, range: 0xc040..0xc080 };
    assert_eq!(space.decoded(), std::slice::from_ref(&ports));
    space.write(header::COMMAND, Width::Word, 3);
    let memory = DecodedBar { bar: 0, space: Space::Memory, range: 0x7_0001_0000..0x7_0001_4000 };
    assert_eq!(space.decoded(), [memory, ports]);
}

#[test]
fn a_rom_decodes_while_its_own_bit_and_memory_are_switched_on() {
    let mut space = configuration();
    space.write(header::ROM, Width::Dword, 0xfeb2_0000);
    space.write(header::COMMAND, Width::Word, 2);
    assert_eq!(space.decoded(), []);
    space.write(header::ROM, Width::Byte, 1);
    assert_eq!(space.decoded(), [DecodedBar { bar: ROM_BAR, space: Space::Memory, range: 0xfeb2_0000..0xfeb3_0000 }]);
}

#[test]
fn a_bar_that_is_being_sized_or_not_assigned_does_not_decode() {
    let mut space = configuration();
    space.write(header::COMMAND, Width::Word, 3);
    assert_eq!(space.decoded(), []);
    for offset in (0x10..0x28).step_by(4) {
        space.write(offset, Width::Dword, u32::MAX);
    }
    assert_eq!(space.decoded(), []);
}

#[test]
fn pins_are_swizzled_by_the_number_of_the_device() {
    let pins = [Pin::A, Pin::B, Pin::C, Pin::D];
    assert_eq!(pins.map(|pin| pin.swizzled(0)), pins);
    assert_eq!(pins.map(|pin| pin.swizzled(1)), [Pin::B, Pin::C, Pin::D, Pin::A]);
    assert_eq!(Pin::D.swizzled(31), Pin::C);
    assert_eq!(Pin::B.swizzled(u8::MAX), Pin::A);
}

#[test]
fn state_of_another_layout_is_refused() {
    let mut space = full();
    let id = "rng0".into();
    let refused = |space: &mut PciConfiguration, state: &PciConfigurationState| {
        let before = bytes(space);
        assert!(matches!(space.restore(&id, state), Err(StateError::Invalid { .. })));
        assert_eq!(bytes(space), before);
    };
    refused(&mut space, &configuration().save());
    let mut state = full().save();
    state.registers[0] |= 0x80; // the low byte of the command register
    refused(&mut space, &state);
}

proptest! {
    /// Which bits the guest can change is found out by writing ones and zeros; no other write changes any other bit.
    #[test]
    fn read_only_bits_keep_whatever_is_written(
        writes in prop::collection::vec((0u16..0x140, 0usize..3, any::<u32>()), 0..32),
        wild in (any::<u16>(), 0usize..3, any::<u32>()),
    ) {
        let mut space = full();
        let (mut ones, mut zeros) = (full(), full());
        for offset in (0..0x1000).step_by(4) {
            ones.write(offset, Width::Dword, u32::MAX);
            zeros.write(offset, Width::Dword, 0);
        }
        for (offset, width, value) in writes.into_iter().chain([wild]) {
            let width = WIDTHS[width];
            space.write(offset, width, value);
            prop_assert!(u64::from(space.read(offset, width)) <= width.ones());
        }
        let bits = bytes(&ones).into_iter().zip(bytes(&zeros)).zip(bytes(&full()));
        for (offset, (((ones, zeros), first), now)) in bits.zip(bytes(&space)).enumerate() {
            let changeable = ones ^ zeros;
            prop_assert_eq!(now & !changeable, first & !changeable, "offset {:#x}", offset);
        }
        let mut copy = full();
        copy.restore(&"rng0".into(), &space.save()).unwrap();
        prop_assert_eq!(bytes(&copy), bytes(&space));
        prop_assert_eq!(copy.decoded(), space.decoded());
    }

    /// PCI 3.0 6.2.5.1: of what is written the bits below the size are dropped, so that ones read back as the size.
    #[test]
    fn a_bar_keeps_the_address_bits_from_its_size_up(
        exponent in 2u32..63,
        value in any::<u64>(),
        by_bytes in any::<bool>(),
    ) {
        let (size, mut layouts) = (1u64 << exponent, 0);
        let kinds = [BarKind::Io, BarKind::Memory32, BarKind::Memory64, BarKind::PrefetchableMemory64];
        for (kind, bits) in kinds.into_iter().zip([1, 0, 4, 12]) {
            let mut space = PciConfiguration::new(IDENTITY);
            if space.add_bar(2, kind, size).is_err() {
                continue;
            }
            layouts += 1;
            let is_64 = bits >= 4;
            for (offset, byte) in (0x18..).zip(value.to_le_bytes()) {
                if by_bytes {
                    space.write(offset, Width::Byte, byte.into());
                }
            }
            if !by_bytes {
                let [low, high] = halves(value);
                space.write(0x18, Width::Dword, low);
                space.write(0x1c, Width::Dword, high);
            }
            let read = u64::from(space.read(0x1c, Width::Dword)) << 32 | u64::from(space.read(0x18, Width::Dword));
            let value = if is_64 { value } else { value & 0xffff_ffff };
            prop_assert_eq!(read, value & !(size - 1) | bits);
        }
        prop_assert!(layouts > 0);
    }

    #[test]
    fn what_is_decoded_follows_from_command_and_bars(
        command in 0u32..4,
        registers in prop::array::uniform6(prop_oneof![
            Just(0), Just(u32::MAX), 0u32..0x2_0000, any::<u32>(), 0xffff_0000u32..,
        ]),
        rom in any::<u32>(),
    ) {
        let mut space = configuration();
        space.write(header::COMMAND, Width::Word, command);
        for (offset, value) in (0x10..).step_by(4).zip(registers) {
            space.write(offset, Width::Dword, value);
        }
        space.write(header::ROM, Width::Dword, rom);
        let mut expected = Vec::new();
        for (bar, kind, size) in BARS {
            let low = u128::from(registers[usize::from(bar)]);
            let (on, address, space, end) = match kind {
                BarKind::Io => (command & 1, low, Space::Io, 0x1_0000),
                BarKind::Memory32 => (command & 2, low, Space::Memory, 0xffff_ffff),
                BarKind::Memory64 | BarKind::PrefetchableMemory64 => {
                    let high = u128::from(registers[usize::from(bar) + 1]);
                    (command & 2, high << 32 | low, Space::Memory, u128::from(u64::MAX) - 1)
                }
            };
            let size = u128::from(size);
            let start = address / size * size;
            if on != 0 && start != 0 && start + size <= end {
                let range = u64::try_from(start).unwrap()..u64::try_from(start + size).unwrap();
                expected.push(DecodedBar { bar, space, range });
            }
        }
        let start = u64::from(rom) / ROM_SIZE * ROM_SIZE;
        if command & 2 != 0 && rom & 1 != 0 && start != 0 && start + ROM_SIZE < 1 << 32 {
            let range = start..start + ROM_SIZE;
            expected.push(DecodedBar { bar: ROM_BAR, space: Space::Memory, range });
        }
        prop_assert_eq!(space.decoded(), expected);
    }
}
