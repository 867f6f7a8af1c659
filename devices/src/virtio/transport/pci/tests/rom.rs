//! The expansion ROM: where its register puts it, as long as that enables it.

use super::*;
use crate::pci::{ExpansionRom, ROM_BAR, rom};

const ROM: u16 = 0x30;

fn with_rom(state: Option<PciTransportState>) -> PciMachine {
    let image = rom::tests::image(VENDOR, 5, 0x33, true);
    let rom = Arc::new(ExpansionRom::new(image, VENDOR).unwrap());
    PciMachine::attached(rng(), ram(), &Arc::default(), Some(rom), state).unwrap()
}

#[test]
fn firmware_sizes_places_and_reads_the_rom() {
    let machine = with_rom(None);
    let function = &machine.function;
    function.write_config(ROM, Width::Dword, 0xffff_f800);
    assert_eq!(function.read_config(ROM, Width::Dword), 0xffff_f000, "4096 bytes");
    machine.set_command(Command::MEMORY);
    function.write_config(ROM, Width::Dword, 0xc010_0000);
    assert!(function.decoded().iter().all(|bar| bar.bar != ROM_BAR), "not enabled");
    function.write_config(ROM, Width::Dword, 0xc010_0001);
    let place = function.decoded().into_iter().find(|bar| bar.bar == ROM_BAR).unwrap();
    assert_eq!(place.range, 0xc010_0000..0xc010_1000);
    let rom = machine.bar(ROM_BAR);
    rom.write(0, Width::Dword, 0);
    assert_eq!((rom.read(0, Width::Word), rom.read(0x9fc, Width::Qword)), (0xaa55, 0xffff_ffff_3333_3333));
}

#[test]
fn where_the_rom_is_survives_a_save_and_a_function_without_one_refuses_that_state() {
    let machine = with_rom(None);
    machine.set_command(Command::MEMORY);
    machine.function.write_config(ROM, Width::Dword, 0xc010_0001);
    let state: PciTransportState = machine.function.save().unwrap()[0].decode().unwrap();
    let copy = with_rom(Some(state.clone()));
    assert_eq!(copy.function.decoded(), machine.function.decoded());
    assert!(PciMachine::restored(rng(), ram(), &Arc::default(), Some(state)).is_err());
}

#[test]
fn without_a_rom_its_register_reads_zero() {
    let machine = machine();
    machine.function.write_config(ROM, Width::Dword, u32::MAX);
    assert_eq!(machine.function.read_config(ROM, Width::Dword), 0);
    assert!(machine.function.bar_device(ROM_BAR).is_none());
}
