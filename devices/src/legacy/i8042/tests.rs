//! Tests of the keyboard controller.

use super::*;
use crate::power::tests::{Asked, FakePower};
use proptest::prelude::*;

fn controller() -> (I8042, Arc<FakePower>) {
    let power = Arc::new(FakePower::default());
    (I8042::new("i8042".into(), power.clone(), None).unwrap(), power)
}

fn command(device: &mut I8042, command: u8) {
    device.write(COMMAND, Width::Byte, command.into());
}

fn data(device: &mut I8042, byte: u8) {
    device.write(DATA, Width::Byte, byte.into());
}

/// What a driver reads after a command: `None` where it would wait for its timeout.
fn answer(device: &mut I8042) -> Option<u8> {
    let status = device.read(COMMAND, Width::Byte);
    (status & 1 != 0).then(|| u8::try_from(device.read(DATA, Width::Byte)).unwrap())
}

#[test]
fn the_reset_pulse_and_a_low_reset_line_reset_the_machine() {
    let (mut device, power) = controller();
    command(&mut device, 0xfe);
    command(&mut device, 0xd1);
    data(&mut device, 0x02);
    assert_eq!(power.asked(), [Asked::Reset(ResetRequest::I8042); 2]);
}

#[test]
fn pulses_of_other_lines_and_a_high_reset_line_do_not() {
    let (mut device, power) = controller();
    for other in [0xff, 0xfd, 0xf1] {
        command(&mut device, other);
    }
    command(&mut device, 0xd1);
    data(&mut device, 0x03);
    data(&mut device, 0xfe);
    assert_eq!(power.asked(), []);
}

#[test]
fn a_driver_probing_the_controller_never_waits() {
    let (mut device, _) = controller();
    assert_eq!(answer(&mut device), None, "nothing is left over from power-on");
    command(&mut device, 0xaa);
    assert_eq!(answer(&mut device), Some(0x55));
    command(&mut device, 0x20);
    let configuration = answer(&mut device).unwrap();
    command(&mut device, 0x60);
    data(&mut device, configuration & !0x41);
    command(&mut device, 0x20);
    assert_eq!(answer(&mut device), Some(configuration & !0x41));
    command(&mut device, 0xab);
    assert_eq!(answer(&mut device), Some(0));
}

#[test]
fn there_is_no_second_port() {
    let (mut device, _) = controller();
    command(&mut device, 0xd3);
    data(&mut device, 0x5a);
    let status = device.read(COMMAND, Width::Byte);
    assert_eq!(status & 0x21, 0x01, "the loop test's byte is there, and not marked as the mouse's");
    command(&mut device, 0xa9);
    assert_eq!(answer(&mut device), Some(0x01));
    command(&mut device, 0xa8);
    command(&mut device, 0x20);
    assert_eq!(answer(&mut device).unwrap() & 0x20, 0x20, "enabling it changes nothing");
}

#[test]
fn a_byte_for_the_absent_keyboard_times_out_at_once() {
    let (mut device, _) = controller();
    data(&mut device, 0xf2);
    assert_eq!(device.read(COMMAND, Width::Byte) & 0xc1, 0x41);
    assert_eq!(answer(&mut device), Some(0xfe));
    assert_eq!(device.read(COMMAND, Width::Byte) & 0xc1, 0xc0, "nobody is on the wire");
}

#[test]
fn controller_ram_keeps_what_is_written() {
    let (mut device, _) = controller();
    command(&mut device, 0x7f);
    data(&mut device, 0x99);
    command(&mut device, 0x3f);
    assert_eq!(answer(&mut device), Some(0x99));
}

#[test]
fn state_with_impossible_bits_is_refused() {
    let power = Arc::new(FakePower::default());
    let good = I8042State::default();
    let states = [
        I8042State { status: 0x02, ..good.clone() },
        I8042State { ram: [0xff; 32], ..good.clone() },
        I8042State { ram: [0; 32], ..good.clone() },
        I8042State { pending: Some(0xaa), ..good },
    ];
    for state in states {
        let refused = I8042::new("i8042".into(), power.clone(), Some(state));
        assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
    }
}

proptest! {
    #[test]
    fn any_sequence_of_accesses_leaves_legal_registers_that_can_be_restored(
        accesses in prop::collection::vec((any::<bool>(), 0u64..5, 0usize..4, any::<u64>()), 0..64)
    ) {
        let (mut device, power) = controller();
        let mut resets = 0;
        for (is_write, offset, width, value) in accesses {
            let width = [Width::Byte, Width::Word, Width::Dword, Width::Qword][width];
            // The bus lets no access cross the end of the range.
            if offset + width.bytes() as u64 > 5 {
                continue;
            }
            if is_write {
                device.write(offset, width, value);
            } else {
                let read = device.read(offset, width);
                prop_assert_eq!(read & !width.ones(), 0);
            }
            let status = device.read(COMMAND, Width::Byte);
            prop_assert_eq!(status & 0b0010_0010, 0, "input buffer full and mouse data never happen");
            prop_assert_eq!(status & 0b1000_0001 == 0b1000_0001, false, "no byte that waits is broken");
            let now = power.asked().len();
            prop_assert!(is_write || now == resets, "reading never resets");
            resets = now;
        }
        let saved = device.save().unwrap();
        let restored = I8042::new("i8042".into(), power, Some(saved.decode().unwrap())).unwrap();
        prop_assert_eq!(restored.save().unwrap(), saved);
    }
}
