//! What exits become on the buses, and in the report of a crash.

use crate::kvm::Exit;
use crate::statistics::ExitKind;
use crate::vcpu::Buses;
use crate::vcpu::exit::{Outcome, dispatch, kind};
use devices::bus::{Bus, BusDevice, Width};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Notes(Mutex<Vec<(u64, Width, Option<u64>)>>);

impl BusDevice for Notes {
    fn read(&self, offset: u64, width: Width) -> u64 {
        self.0.lock().unwrap().push((offset, width, None));
        // Each byte is its own address.
        0x0706_0504_0302_0100 + offset % 0x80 * 0x0101_0101_0101_0101
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        self.0.lock().unwrap().push((offset, width, Some(value)));
    }
}

fn buses() -> (Arc<Notes>, Buses) {
    let notes = Arc::new(Notes::default());
    let buses = Buses { pio: Arc::new(Bus::new()), mmio: Arc::new(Bus::new()) };
    let device: Arc<dyn BusDevice> = Arc::clone(&notes) as _;
    buses.pio.insert(0..0x1000, Arc::clone(&device)).unwrap();
    buses.mmio.insert(0..0x1000, device).unwrap();
    (notes, buses)
}

fn done(exit: Exit<'_>) -> Vec<(u64, Width, Option<u64>)> {
    let (notes, buses) = buses();
    assert_eq!(dispatch(exit, &buses), Outcome::Done);
    let notes = notes.0.lock().unwrap();
    notes.clone()
}

#[test]
fn exits_are_counted_by_their_reason_and_a_string_instruction_once() {
    let mut data = [0; 4];
    let kinds = [
        kind(&Exit::PioRead { port: 1, size: 1, data: &mut data }),
        kind(&Exit::PioWrite { port: 1, size: 1, data: &[0; 4] }),
        kind(&Exit::MmioWrite { address: 1, data: &[0] }),
        kind(&Exit::Interrupted),
        kind(&Exit::Shutdown),
    ];
    let expected =
        [ExitKind::PortRead, ExitKind::PortWrite, ExitKind::MmioWrite, ExitKind::Interruption, ExitKind::Other];
    assert_eq!(kinds, expected);
    assert_eq!(kind(&Exit::MmioRead { address: 1, data: &mut data }), ExitKind::MmioRead);
}

#[test]
fn string_output_is_split_by_the_size_of_one_access() {
    let words = done(Exit::PioWrite { port: 0x1f0, size: 2, data: &[1, 2, 3, 4] });
    assert_eq!(words, [(0x1f0, Width::Word, Some(0x201)), (0x1f0, Width::Word, Some(0x403))]);
    let dwords = done(Exit::PioWrite { port: 0x1f0, size: 4, data: &[1, 2, 3, 4] });
    assert_eq!(dwords, [(0x1f0, Width::Dword, Some(0x0403_0201))]);
}

#[test]
fn string_input_reads_the_same_port_for_each_element() {
    let mut data = [0; 3];
    let notes = done(Exit::PioRead { port: 0x20, size: 1, data: &mut data });
    assert_eq!((notes, data), (vec![(0x20, Width::Byte, None); 3], [0x20; 3]));
}

#[test]
fn absent_ports_and_addresses_read_all_ones_and_swallow_writes() {
    let (notes, buses) = buses();
    let (mut port, mut memory) = ([0; 4], [0; 8]);
    dispatch(Exit::PioRead { port: 0x2000, size: 2, data: &mut port }, &buses);
    dispatch(Exit::MmioRead { address: u64::MAX, data: &mut memory }, &buses);
    dispatch(Exit::MmioWrite { address: 0x2000, data: &[1] }, &buses);
    assert_eq!((port, memory), ([0xff; 4], [0xff; 8]));
    assert!(notes.0.lock().unwrap().is_empty());
}

#[test]
fn memory_accesses_of_plain_sizes_stay_whole_even_when_they_are_not_aligned() {
    for (count, width) in [(1, Width::Byte), (2, Width::Word), (4, Width::Dword), (8, Width::Qword)] {
        let data = &[0x11; 8][..count];
        let notes = done(Exit::MmioWrite { address: 0x103, data });
        assert_eq!(notes, [(0x103, width, Some(0x1111_1111_1111_1111 & width.ones()))]);
    }
}

#[test]
fn memory_accesses_of_other_sizes_become_aligned_pieces() {
    // An access of 8 bytes at 0xffd, cut by KVM at the page: 3 bytes and 5.
    let first = done(Exit::MmioWrite { address: 0xfd, data: &[1, 2, 3] });
    assert_eq!(first, [(0xfd, Width::Byte, Some(1)), (0xfe, Width::Word, Some(0x302))]);
    let mut data = [0; 5];
    let second = done(Exit::MmioRead { address: 0x100, data: &mut data });
    assert_eq!(second, [(0x100, Width::Dword, None), (0x104, Width::Byte, None)]);
    assert_eq!(data, [0, 1, 2, 3, 4]);
    for count in 0..8 {
        for address in 0..16 {
            let mut data = [0xee; 8];
            let (_, buses) = buses();
            dispatch(Exit::MmioRead { address, data: &mut data[..count] }, &buses);
            let expected: Vec<u8> = (address..).map(|address| address.to_le_bytes()[0]).take(count).collect();
            assert_eq!(data[..count], expected, "{count} bytes at {address}");
            assert!(data[count..].iter().all(|byte| *byte == 0xee));
        }
    }
}

#[test]
fn what_the_machine_does_not_ask_for_is_a_crash_that_says_what_to_do() {
    let (_, buses) = buses();
    let exits = [
        Exit::Hlt,
        Exit::SystemEvent { kind: 3 },
        Exit::FailEntry { reason: 0x8000_0021, cpu: 1 },
        Exit::InternalError { suberror: 1, data: vec![] },
        Exit::InternalError { suberror: 2, data: vec![1] },
        Exit::InternalError { suberror: 3, data: vec![1] },
        Exit::InternalError { suberror: 4, data: vec![1] },
        Exit::InternalError { suberror: 99, data: vec![1] },
        Exit::Other(77),
    ];
    for exit in exits {
        let shown = format!("{exit:?}");
        let Outcome::Crash(message) = dispatch(exit, &buses) else { panic!("{shown}") };
        assert!(message.contains(": "), "cause and advice: {message}");
    }
}

#[test]
fn instruction_bytes_are_shown_only_when_kvm_gave_them() {
    let show = |data| match dispatch(Exit::InternalError { suberror: 1, data }, &buses().1) {
        Outcome::Crash(message) => message,
        other => panic!("{other:?}"),
    };
    assert!(show(vec![1, 0xd0_01_0f_03]).contains("the instruction 0f 01 d0: "));
    assert!(show(vec![0, 0xd0_01_0f_03]).contains("the instruction: "));
    // A length that cannot be is cut.
    assert!(show(vec![1, 0x90ff]).contains("the instruction 90 00 00 00 00 00 00: "));
}
