//! Tests of the serial port.

use super::uart::FIFO_SIZE;
use super::*;
use crate::interrupt::tests::CountingLine;
use proptest::prelude::*;
use std::collections::VecDeque;

const DATA: u64 = 0;
const IER: u64 = 1;
const IIR: u64 = 2;
const FCR: u64 = 2;
const LCR: u64 = 3;
const MCR: u64 = 4;
const LSR: u64 = 5;
const MSR: u64 = 6;
const SCR: u64 = 7;

const NONE: u64 = 0x01;
const TRANSMITTER: u64 = 0x02;
const RECEIVED: u64 = 0x04;

/// Keeps what the guest prints, and counts how often it was told of room.
#[derive(Default)]
struct FakeHost {
    output: Mutex<Vec<u8>>,
    wanted: Mutex<usize>,
}

impl FakeHost {
    fn output(&self) -> Vec<u8> {
        self.output.lock().unwrap().clone()
    }

    fn wanted(&self) -> usize {
        *self.wanted.lock().unwrap()
    }
}

impl SerialHost for FakeHost {
    fn output(&self, byte: u8) {
        self.output.lock().unwrap().push(byte);
    }

    fn input_wanted(&self) {
        *self.wanted.lock().unwrap() += 1;
    }
}

struct Fixture {
    port: Serial,
    line: Arc<CountingLine>,
    host: Arc<FakeHost>,
}

impl Fixture {
    fn new() -> Self {
        Self::restored(None).unwrap()
    }

    fn restored(state: Option<SerialState>) -> Result<Self, StateError> {
        let (line, host) = (Arc::new(CountingLine::default()), Arc::new(FakeHost::default()));
        let port = Serial::new("serial0".into(), line.clone(), host.clone(), state)?;
        Ok(Self { port, line, host })
    }

    fn read(&self, register: u64) -> u64 {
        self.port.read(register, Width::Byte)
    }

    fn write(&self, register: u64, value: u64) {
        self.port.write(register, Width::Byte, value);
    }
}

#[test]
fn output_reaches_the_host_byte_by_byte_and_the_transmitter_is_always_ready() {
    let serial = Fixture::new();
    for byte in *b"hello" {
        assert_eq!(serial.read(LSR), 0x60);
        serial.write(DATA, byte.into());
    }
    assert_eq!(serial.host.output(), b"hello");
    assert_eq!(serial.line.count(), 0, "no interrupt is enabled");
}

#[test]
fn received_data_interrupts_and_stays_identified_until_all_is_read() {
    let serial = Fixture::new();
    serial.write(IER, 1);
    assert_eq!(serial.port.receive(b"ab"), 2);
    assert_eq!(serial.line.count(), 1);
    assert_eq!((serial.read(IIR), serial.read(IIR)), (RECEIVED, RECEIVED));
    assert_eq!(serial.read(DATA), u64::from(b'a'));
    assert_eq!((serial.read(IIR), serial.read(LSR)), (RECEIVED, 0x61));
    assert_eq!(serial.read(DATA), u64::from(b'b'));
    assert_eq!((serial.read(IIR), serial.read(LSR)), (NONE, 0x60));
}

#[test]
fn the_transmitters_interrupt_is_acknowledged_by_reading_its_identification() {
    let serial = Fixture::new();
    serial.write(IER, 2);
    assert_eq!(serial.line.count(), 1, "enabling it while the transmitter is empty interrupts");
    assert_eq!((serial.read(IIR), serial.read(IIR)), (TRANSMITTER, NONE));
    serial.write(DATA, 0x20);
    assert_eq!(serial.line.count(), 2);
    assert_eq!((serial.read(IIR), serial.read(IIR)), (TRANSMITTER, NONE));
}

#[test]
fn of_two_pending_interrupts_received_data_is_identified_first() {
    let serial = Fixture::new();
    serial.write(IER, 3);
    serial.port.receive(b"x");
    assert_eq!((serial.read(IIR), serial.read(IIR)), (RECEIVED, RECEIVED));
    serial.read(DATA);
    assert_eq!((serial.read(IIR), serial.read(IIR)), (TRANSMITTER, NONE));
}

#[test]
fn disabled_interrupts_are_not_identified() {
    let serial = Fixture::new();
    serial.write(IER, 3);
    serial.port.receive(b"x");
    serial.write(IER, 0);
    assert_eq!(serial.read(IIR), NONE);
    let before = serial.line.count();
    serial.write(IER, 1);
    assert!(serial.line.count() > before, "enabling it anew interrupts for the data that waits");
    assert_eq!(serial.read(IIR), RECEIVED);
}

#[test]
fn the_identification_shows_whether_the_fifos_are_enabled() {
    let serial = Fixture::new();
    assert_eq!(serial.read(IIR), 0x01);
    serial.write(FCR, 0x01);
    assert_eq!(serial.read(IIR), 0xc1);
    serial.write(FCR, 0x00);
    assert_eq!(serial.read(IIR), 0x01);
}

#[test]
fn the_fifo_control_register_clears_the_receiver_also_behind_the_divisor_latch() {
    let serial = Fixture::new();
    serial.write(FCR, 0x01);
    serial.port.receive(b"stale");
    serial.write(LCR, 0x83);
    serial.write(FCR, 0x03);
    assert_eq!((serial.read(LCR), serial.read(LSR)), (0x83, 0x60));
    assert_eq!((serial.read(DATA), serial.read(IER)), (12, 0), "the divisor is what it was");
}

#[test]
fn the_divisor_latch_hides_data_and_interrupt_enable() {
    let serial = Fixture::new();
    serial.write(IER, 5);
    serial.write(LCR, 0x80);
    serial.write(DATA, 0x01);
    serial.write(IER, 0x02);
    assert_eq!((serial.read(DATA), serial.read(IER)), (1, 2));
    serial.write(LCR, 0x03);
    assert_eq!(serial.read(IER), 5);
    assert_eq!(serial.host.output(), b"");
}

#[test]
fn loopback_returns_the_guests_bytes_and_keeps_the_hosts_out() {
    let serial = Fixture::new();
    serial.write(MCR, 0x10 | 0x02);
    serial.write(DATA, 0x5a);
    assert_eq!(serial.port.room(), 0);
    assert_eq!(serial.port.receive(b"no"), 0);
    assert_eq!((serial.read(LSR), serial.read(DATA)), (0x61, 0x5a));
    assert_eq!(serial.read(MSR) & 0xf0, 0x10, "clear to send follows request to send");
    assert_eq!(serial.host.output(), b"");
    serial.write(MCR, 0x08);
    assert_eq!(serial.host.wanted(), 1, "the host is told that its bytes are taken again");
    assert_eq!(serial.port.receive(b"yes"), 3);
}

#[test]
fn modem_control_and_scratch_have_the_bits_of_a_16550() {
    let serial = Fixture::new();
    serial.write(MCR, 0xef);
    serial.write(SCR, 0xa5);
    serial.write(IER, 0xff);
    assert_eq!((serial.read(MCR), serial.read(SCR), serial.read(IER)), (0x0f, 0xa5, 0x0f));
}

#[test]
fn a_full_fifo_takes_no_more_and_the_host_is_told_when_half_of_it_is_free() {
    let serial = Fixture::new();
    let input = [b'.'; FIFO_SIZE + 10];
    assert_eq!(serial.port.receive(&input), FIFO_SIZE);
    assert_eq!(serial.port.room(), 0);
    for _ in 0..FIFO_SIZE / 2 - 1 {
        serial.read(DATA);
    }
    assert_eq!(serial.host.wanted(), 0);
    serial.read(DATA);
    assert_eq!((serial.host.wanted(), serial.port.room()), (1, FIFO_SIZE / 2));
    serial.read(DATA);
    assert_eq!(serial.host.wanted(), 1, "it is told once");
}

#[test]
fn a_restored_port_goes_on_where_it_was_and_interrupts_when_it_resumes() {
    let serial = Fixture::new();
    serial.write(FCR, 1);
    serial.write(LCR, 0x83);
    serial.write(DATA, 3);
    serial.write(LCR, 0x03);
    serial.write(IER, 3);
    serial.port.receive(b"unread");
    let saved = serial.port.save().unwrap();
    assert_eq!(serial.port.save().unwrap(), saved, "saving changes nothing");

    let restored = Fixture::restored(Some(saved.decode().unwrap())).unwrap();
    assert_eq!(restored.line.count(), 0);
    restored.port.resume();
    assert_eq!(restored.line.count(), 1);
    assert_eq!(restored.read(IIR), 0xc0 | RECEIVED);
    let text: Vec<u64> = (0..6).map(|_| restored.read(DATA)).collect();
    assert_eq!(text, b"unread".map(u64::from));
    assert_eq!(restored.read(IIR), 0xc0 | TRANSMITTER);
}

#[test]
fn a_port_without_a_pending_interrupt_resumes_silently() {
    let serial = Fixture::new();
    serial.port.receive(b"not enabled");
    serial.port.resume();
    assert_eq!(serial.line.count(), 0);
}

#[test]
fn state_that_is_none_of_a_16550_is_refused() {
    let good = SerialState::default();
    let states = [
        SerialState { input: vec![0; FIFO_SIZE + 1], ..good.clone() },
        SerialState { interrupt_enable: 0x10, ..good.clone() },
        SerialState { modem_control: 0x20, ..good },
    ];
    for state in states {
        assert!(matches!(Fixture::restored(Some(state)).map(|_| ()), Err(StateError::Invalid { .. })));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64, Width),
    Write(u64, Width, u64),
    Receive(Vec<u8>),
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![4 => Just(Width::Byte), 1 => Just(Width::Word), 1 => Just(Width::Dword), 1 => Just(Width::Qword)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..8, width()).prop_map(|(register, width)| Step::Read(register, width)),
        (0u64..8, width(), any::<u64>()).prop_map(|(register, width, value)| Step::Write(register, width, value)),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Step::Receive),
    ]
}

proptest! {
    #[test]
    fn any_sequence_of_accesses_and_input_keeps_the_registers_legal(steps in prop::collection::vec(step(), 0..48)) {
        let serial = Fixture::new();
        for step in steps {
            match step {
                // The bus lets no access cross the end of the range.
                Step::Read(register, width) | Step::Write(register, width, _)
                    if register + width.bytes() as u64 > 8 => {}
                Step::Read(register, width) => {
                    prop_assert_eq!(serial.port.read(register, width) & !width.ones(), 0);
                }
                Step::Write(register, width, value) => serial.port.write(register, width, value),
                Step::Receive(input) => prop_assert!(serial.port.receive(&input) <= FIFO_SIZE),
            }
            let state: SerialState = serial.port.save().unwrap().decode().unwrap();
            prop_assert!(state.validate(&"serial0".into()).is_ok());
            let data_ready = serial.read(LSR) & 1 != 0;
            prop_assert_eq!(data_ready, !state.input.is_empty());
            let identified = serial.read(IIR) & 0x3f;
            let expected = if data_ready && state.interrupt_enable & 1 != 0 {
                RECEIVED
            } else if state.transmit_pending && state.interrupt_enable & 2 != 0 {
                TRANSMITTER
            } else {
                NONE
            };
            prop_assert_eq!(identified, expected);
            let waits = serial.port.save().unwrap();
            let restored = Fixture::restored(Some(waits.decode().unwrap())).unwrap();
            prop_assert_eq!(restored.port.save().unwrap(), waits);
        }
    }

    #[test]
    fn input_is_neither_lost_nor_reordered(pieces in prop::collection::vec((any::<Vec<u8>>(), 0usize..90), 0..16)) {
        let serial = Fixture::new();
        let mut expected: VecDeque<u8> = VecDeque::new();
        for (piece, reads) in pieces {
            let taken = serial.port.receive(&piece);
            prop_assert!(taken <= piece.len());
            expected.extend(&piece[..taken]);
            for _ in 0..reads.min(expected.len()) {
                prop_assert_eq!(serial.read(DATA), expected.pop_front().map_or(0, u64::from));
            }
        }
    }
}
