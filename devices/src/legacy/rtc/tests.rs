//! Tests of the clock, with a host whose time stands still until it is told to go on.

use super::calendar::{DateTime, SECOND_NS};
use super::*;
use proptest::prelude::*;
use std::sync::Mutex;

const A: u8 = 0x0a;
const B: u8 = 0x0b;
const C: u8 = 0x0c;
const D: u8 = 0x0d;
const SET: u8 = 0x80;
const BINARY: u8 = 0x04;
const HOURS24: u8 = 0x02;

/// 2026-11-21 14:58:59.5 UTC, a Saturday.
const START: i128 = 1_795_273_139 * SECOND_NS + SECOND_NS / 2;

struct FakeClock(Mutex<i128>);

impl WallClock for FakeClock {
    fn now_ns(&self) -> i128 {
        *self.0.lock().unwrap()
    }
}

struct Fixture {
    rtc: Rtc,
    clock: Arc<FakeClock>,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(FakeClock(Mutex::new(START)));
        Self { rtc: Rtc::new("rtc".into(), clock.clone(), None).unwrap(), clock }
    }

    fn pass(&self, ns: i128) {
        *self.clock.0.lock().unwrap() += ns;
    }

    fn read(&mut self, register: u8) -> u8 {
        self.rtc.write(INDEX, Width::Byte, register.into());
        u8::try_from(self.rtc.read(DATA, Width::Byte)).unwrap()
    }

    fn write(&mut self, register: u8, value: u8) {
        self.rtc.write(INDEX, Width::Byte, register.into());
        self.rtc.write(DATA, Width::Byte, value.into());
    }

    /// Second, minute, hour, weekday, day, month, year, century as they stand in the registers.
    fn time(&mut self) -> [u8; 8] {
        [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32].map(|register| self.read(register))
    }

    fn set_time(&mut self, time: [u8; 8]) {
        for (register, value) in [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32].into_iter().zip(time) {
            self.write(register, value);
        }
    }
}

#[test]
fn a_new_clock_shows_the_hosts_time_in_bcd_and_24_hours() {
    let mut rtc = Fixture::new();
    assert_eq!(rtc.time(), [0x59, 0x58, 0x14, 0x07, 0x21, 0x11, 0x26, 0x20]);
    rtc.pass(SECOND_NS / 2);
    assert_eq!(rtc.time(), [0x00, 0x59, 0x14, 0x07, 0x21, 0x11, 0x26, 0x20]);
    assert_eq!((rtc.read(A) & 0x7f, rtc.read(B), rtc.read(D)), (0x26, 0x02, 0x80));
}

#[test]
fn firmware_finds_its_setup_beside_the_time() {
    let mut rtc = Fixture::new();
    let boot = [BootSource::Disk, BootSource::Cdrom, BootSource::Network];
    let setup = FirmwareSetup { low_ram: 2 << 30, high_ram: 1 << 30, cpus: 2, boot };
    rtc.rtc = rtc.rtc.with_setup(&setup);
    assert_eq!([0x34, 0x35, 0x5c, 0x5f].map(|register| rtc.read(register)), [0x00, 0x7f, 0x40, 1]);
    assert_eq!(rtc.time(), [0x59, 0x58, 0x14, 0x07, 0x21, 0x11, 0x26, 0x20]);
}

#[test]
fn the_same_time_is_shown_in_binary_and_in_12_hours() {
    let mut rtc = Fixture::new();
    rtc.write(B, BINARY | HOURS24);
    assert_eq!(rtc.time(), [59, 58, 14, 7, 21, 11, 26, 20]);
    rtc.write(B, 0);
    assert_eq!(rtc.time()[2], 0x82, "two in the afternoon");
}

#[test]
fn a_guest_sets_the_time_as_linux_does_and_it_goes_on_from_there() {
    let mut rtc = Fixture::new();
    let (a, b) = (rtc.read(A), rtc.read(B));
    rtc.write(B, b | SET);
    rtc.write(A, a | 0x70);
    rtc.set_time([0x58, 0x59, 0x23, 0x01, 0x31, 0x12, 0x99, 0x19]);
    rtc.pass(10 * SECOND_NS);
    rtc.write(B, b);
    rtc.pass(10 * SECOND_NS + 300_000_000);
    rtc.write(A, a);
    assert_eq!(rtc.time(), [0x58, 0x59, 0x23, 0x01, 0x31, 0x12, 0x99, 0x19], "it stood still until then");
    rtc.pass(SECOND_NS / 2 - 1);
    assert_eq!(rtc.time()[0], 0x58);
    rtc.pass(1);
    assert_eq!(rtc.time()[0], 0x59, "the first update comes half a second after the divider is let go");
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.time(), [0x00, 0x00, 0x00, 0x02, 0x01, 0x01, 0x00, 0x20]);
}

#[test]
fn setting_the_time_on_the_fly_keeps_the_fraction_of_the_second() {
    let mut rtc = Fixture::new();
    rtc.write(0x04, 0x03);
    assert_eq!(rtc.time(), [0x59, 0x58, 0x03, 0x07, 0x21, 0x11, 0x26, 0x20]);
    rtc.pass(SECOND_NS / 2);
    assert_eq!(rtc.time()[..3], [0x00, 0x59, 0x03]);
}

#[test]
fn values_out_of_range_are_brought_into_range() {
    let mut rtc = Fixture::new();
    rtc.write(B, SET | HOURS24);
    rtc.set_time([0x75, 0xff, 0x31, 0x00, 0x31, 0x02, 0x24, 0x20]);
    assert_eq!(rtc.read(0x02), 0xff, "while it stands still the register is RAM");
    rtc.write(B, HOURS24);
    assert_eq!(rtc.time(), [0x59, 0x59, 0x00, 0x05, 0x29, 0x02, 0x24, 0x20]);
    rtc.write(0x07, 0x00);
    rtc.write(0x08, 0x00);
    assert_eq!(rtc.time()[4..6], [0x01, 0x01]);
}

#[test]
fn the_weekday_is_the_guests_and_goes_on_with_the_days() {
    let mut rtc = Fixture::new();
    rtc.write(0x06, 0x03);
    assert_eq!(rtc.read(0x06), 0x03);
    rtc.pass(86_400 * SECOND_NS);
    assert_eq!(rtc.read(0x06), 0x04);
    rtc.pass(4 * 86_400 * SECOND_NS);
    assert_eq!(rtc.read(0x06), 0x01);
}

#[test]
fn an_update_is_announced_244_microseconds_ahead_and_only_while_the_clock_runs() {
    let mut rtc = Fixture::new();
    rtc.pass(SECOND_NS / 2 - 244_001);
    assert_eq!(rtc.read(A) & 0x80, 0);
    rtc.pass(1);
    assert_eq!(rtc.read(A) & 0x80, 0x80);
    rtc.write(B, SET | HOURS24);
    assert_eq!(rtc.read(A) & 0x80, 0);
    rtc.write(B, HOURS24);
    rtc.pass(244_000);
    assert_eq!(rtc.read(A) & 0x80, 0);
}

#[test]
fn register_c_tells_of_updates_once_and_of_interrupts_only_when_enabled() {
    let mut rtc = Fixture::new();
    rtc.write(A, 0x20);
    rtc.read(C);
    assert_eq!(rtc.read(C), 0);
    rtc.pass(SECOND_NS);
    assert_eq!((rtc.read(C) & 0x90, rtc.read(C)), (0x10, 0));
    rtc.write(B, 0x10 | HOURS24);
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.read(C) & 0x90, 0x90);
    rtc.write(B, SET | 0x10 | HOURS24);
    assert_eq!(rtc.read(B) & 0x10, 0, "SET takes the enable away");
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.read(C), 0, "a clock that stands still is not updated");
}

#[test]
fn the_periodic_flag_has_the_rate_of_register_a() {
    for (rate, period_ns) in [(0x26, 976_562), (0x2f, SECOND_NS / 2), (0x21, 3_906_250), (0x22, 7_812_500)] {
        let mut rtc = Fixture::new();
        rtc.write(A, rate);
        // START is on a boundary of every period.
        rtc.read(C);
        rtc.pass(period_ns - 1_000);
        assert_eq!(rtc.read(C) & 0x40, 0, "rate {rate:#x}");
        rtc.pass(1_001);
        assert_eq!(rtc.read(C) & 0x40, 0x40, "rate {rate:#x}");
    }
}

#[test]
fn the_alarm_flag_is_set_when_its_time_has_come() {
    let mut rtc = Fixture::new();
    for (register, value) in [(0x05, 0x15), (0x03, 0x00), (0x01, 0xc0)] {
        rtc.write(register, value);
        assert_eq!(rtc.read(register), value);
    }
    rtc.read(C);
    rtc.pass(60 * SECOND_NS);
    assert_eq!(rtc.read(C) & 0x20, 0);
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.read(C) & 0x20, 0x20);
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.read(C) & 0x20, 0x20, "any second of that minute");
    rtc.pass(3_600 * SECOND_NS);
    rtc.read(C);
    rtc.pass(SECOND_NS);
    assert_eq!(rtc.read(C) & 0x20, 0);
}

#[test]
fn ram_keeps_what_is_written_and_the_index_port_reads_all_ones() {
    let mut rtc = Fixture::new();
    rtc.write(0x0f, 0x12);
    rtc.write(0x7f, 0x34);
    assert_eq!((rtc.read(0x0f), rtc.read(0x7f)), (0x12, 0x34));
    assert_eq!(rtc.read(0x7f | 0x80), 0x34, "the NMI mask is no part of the index");
    assert_eq!(rtc.rtc.read(INDEX, Width::Byte), 0xff);
    rtc.rtc.write(INDEX, Width::Word, 0x560f);
    assert_eq!(rtc.read(0x0f), 0x56, "a word writes index and data");
}

#[test]
fn a_restored_clock_shows_the_guests_time_plus_what_passed_meanwhile() {
    let mut rtc = Fixture::new();
    rtc.write(0x09, 0x30);
    let saved = rtc.rtc.save().unwrap();
    rtc.pass(3_600 * SECOND_NS);
    assert_eq!(rtc.rtc.save().unwrap(), saved, "time itself is no state");
    rtc.rtc = Rtc::new("rtc".into(), rtc.clock.clone(), Some(saved.decode().unwrap())).unwrap();
    assert_eq!(rtc.time(), [0x59, 0x58, 0x15, 0x07, 0x21, 0x11, 0x30, 0x20]);
}

#[test]
fn the_hosts_clock_is_this_century() {
    let now = HostClock.now_ns().div_euclid(SECOND_NS);
    let date = DateTime::from_seconds(i64::try_from(now).unwrap());
    assert!((2020..2100).contains(&date.year), "{date:?}");
}

#[test]
fn state_that_is_none_of_this_chip_is_refused() {
    let good = RtcState::at_power_on(START);
    let with = |register: u8, value| {
        let mut ram = good.ram.clone();
        ram[usize::from(register)] = value;
        RtcState { ram, ..good.clone() }
    };
    let states = [
        with(A, 0xa6),
        with(C, 0x80),
        RtcState { ram: vec![0; 127], ..good.clone() },
        RtcState { index: 0x80, ..good.clone() },
        RtcState { weekday_shift: 7, ..good.clone() },
        RtcState { offset_ns: i128::MAX, ..good.clone() },
        RtcState { flags_until_ns: i128::MIN, ..good.clone() },
    ];
    for state in states {
        let refused = Rtc::new("rtc".into(), Arc::new(HostClock), Some(state));
        assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
    }
}

fn legal_time(time: [u8; 8], b: u8) -> bool {
    let number = |byte: u8| match b & BINARY {
        0 if byte >> 4 <= 9 && byte & 15 <= 9 => Some((byte >> 4) * 10 + (byte & 15)),
        0 => None,
        _ => Some(byte),
    };
    let hour = if b & HOURS24 == 0 { (time[2] & 0x7f, 1..=12) } else { (time[2], 0..=23) };
    let parts = [
        (time[0], 0..=59),
        (time[1], 0..=59),
        hour,
        (time[3], 1..=7),
        (time[4], 1..=31),
        (time[5], 1..=12),
        (time[6], 0..=99),
        (time[7], 0..=99),
    ];
    parts.into_iter().all(|(byte, range)| number(byte).is_some_and(|number| range.contains(&number)))
}

proptest! {
    #[test]
    fn whatever_is_written_a_running_clock_shows_a_time_and_can_be_restored(
        accesses in prop::collection::vec((0u8..0x34, any::<u8>(), any::<bool>(), 0i64..100_000_000_000_000), 0..24)
    ) {
        let mut rtc = Fixture::new();
        for (register, value, is_write, passed) in accesses {
            rtc.pass(passed.into());
            if is_write {
                rtc.write(register, value);
            } else {
                rtc.read(register);
            }
            let (a, b) = (rtc.read(A), rtc.read(B));
            let runs = b & SET == 0 && a & 0x60 != 0x60;
            let time = rtc.time();
            prop_assert!(!runs || legal_time(time, b), "{:x?} in format {:#x}", time, b);
            let c = rtc.read(C);
            prop_assert_eq!(c & 0x0f, 0);
            prop_assert_eq!(c & 0x80 != 0, c & b & 0x70 != 0);
        }
        let saved = rtc.rtc.save().unwrap();
        let clock = rtc.clock.clone();
        let restored = Rtc::new("rtc".into(), clock, Some(saved.decode().unwrap())).unwrap();
        prop_assert_eq!(restored.save().unwrap(), saved);
    }

    #[test]
    fn any_access_of_any_width_is_harmless(
        accesses in prop::collection::vec((any::<bool>(), 0u64..2, 0usize..4, any::<u64>()), 0..32)
    ) {
        let mut rtc = Fixture::new();
        for (is_write, offset, width, value) in accesses {
            let width = [Width::Byte, Width::Word, Width::Dword, Width::Qword][width];
            if is_write {
                rtc.rtc.write(offset, width, value);
            } else {
                prop_assert_eq!(rtc.rtc.read(offset, width) & !width.ones(), 0);
            }
        }
        prop_assert!(rtc.rtc.save().unwrap().decode::<RtcState>().unwrap().registers(&"rtc".into()).is_ok());
    }
}
