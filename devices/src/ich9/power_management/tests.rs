//! Tests of the power management block, with a clock that stands still until it is told to go on.

use super::*;
use crate::legacy::HostClock;
use crate::power::tests::{Asked, FakePower};
use proptest::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const POWER_BUTTON: u64 = 1 << 8;
const WAKE: u64 = 1 << 15;
const SLEEP_ENABLE: u64 = 1 << 13;
const SECOND_NS: i128 = 1_000_000_000;
/// How long the timer counts until its highest bit changes, rounded up.
const CARRY_NS: i128 = (1_i128 << 23) * SECOND_NS / 3_579_545 + 1;

#[derive(Default)]
struct FakeLine(AtomicBool);

impl LevelLine for FakeLine {
    fn set(&self, asserted: bool) {
        self.0.store(asserted, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct FakeClock(Mutex<i128>);

impl WallClock for FakeClock {
    fn now_ns(&self) -> i128 {
        *self.0.lock().unwrap()
    }
}

struct Fixture {
    block: PowerManagement,
    sci: Arc<FakeLine>,
    power: Arc<FakePower>,
    clock: Arc<FakeClock>,
}

impl Fixture {
    fn new() -> Self {
        Self::at(0, None).unwrap()
    }

    fn at(now_ns: i128, state: Option<PowerManagementState>) -> Result<Self, StateError> {
        let (sci, power) = (Arc::new(FakeLine::default()), Arc::new(FakePower::default()));
        let clock = Arc::new(FakeClock(Mutex::new(now_ns)));
        let block = PowerManagement::new("pm".into(), sci.clone(), power.clone(), clock.clone(), state)?;
        Ok(Self { block, sci, power, clock })
    }

    fn pass(&self, ns: i128) {
        *self.clock.0.lock().unwrap() += ns;
    }

    fn read(&mut self, offset: u64) -> u64 {
        self.block.read(offset, Width::Word)
    }

    fn write(&mut self, offset: u64, value: u64) {
        self.block.write(offset, Width::Word, value);
    }

    fn sci(&self) -> bool {
        self.sci.0.load(Ordering::SeqCst)
    }

    fn timer(&mut self) -> u64 {
        self.block.read(TIMER, Width::Dword)
    }
}

#[test]
fn the_machine_is_in_acpi_mode_from_its_start_and_stays_there() {
    let mut pm = Fixture::new();
    assert_eq!((pm.read(STATUS), pm.read(ENABLE), pm.read(CONTROL), pm.sci()), (0, 0, 1, false));
    pm.write(CONTROL, 0);
    assert_eq!(pm.read(CONTROL), 1);
}

#[test]
fn a_pressed_button_raises_the_sci_until_the_guest_clears_it() {
    let mut pm = Fixture::new();
    pm.write(ENABLE, POWER_BUTTON);
    pm.block.press_power_button();
    assert_eq!((pm.read(STATUS), pm.sci()), (POWER_BUTTON, true));
    pm.write(STATUS, !POWER_BUTTON);
    assert!(pm.sci(), "other bits do not clear it");
    pm.write(STATUS, POWER_BUTTON);
    assert_eq!((pm.read(STATUS), pm.sci()), (0, false));
}

#[test]
fn a_button_that_is_not_enabled_waits_without_an_interrupt() {
    let mut pm = Fixture::new();
    pm.block.press_power_button();
    assert_eq!((pm.read(STATUS), pm.sci()), (POWER_BUTTON, false));
    pm.block.write(ENABLE + 1, Width::Byte, POWER_BUTTON >> 8);
    assert!(pm.sci());
    pm.write(ENABLE, 0);
    assert!(!pm.sci());
}

#[test]
fn an_event_that_waits_is_asserted_again_after_a_restore() {
    let mut pm = Fixture::new();
    pm.write(ENABLE, POWER_BUTTON);
    pm.block.press_power_button();
    let state = pm.block.save().unwrap().decode().unwrap();
    let restored = Fixture::at(0, Some(state)).unwrap();
    assert!(!restored.sci(), "restoring alone does not interrupt");
    restored.block.resume();
    assert!(restored.sci());
}

#[test]
fn entering_s5_switches_off_as_the_dsdt_and_as_firmware_do_it() {
    let mut pm = Fixture::new();
    pm.write(CONTROL, u64::from(S5_SLEEP_TYPE) << 10);
    assert_eq!(pm.power.asked(), [], "SLP_TYP alone does nothing");
    pm.write(CONTROL, u64::from(S5_SLEEP_TYPE) << 10 | SLEEP_ENABLE);
    assert_eq!(pm.power.asked(), [Asked::PowerOff]);
    let mut pm = Fixture::new();
    pm.write(CONTROL, 0x2000);
    assert_eq!(pm.power.asked(), [Asked::PowerOff], "firmware for this board has sleep type 0 built in");
}

#[test]
fn a_sleep_type_that_is_not_offered_wakes_at_once() {
    let mut pm = Fixture::new();
    pm.write(CONTROL, 5 << 10 | SLEEP_ENABLE);
    assert_eq!((pm.power.asked(), pm.read(STATUS)), (vec![], WAKE));
    assert_eq!(pm.read(CONTROL), 5 << 10 | 1, "SLP_EN reads zero");
    pm.write(STATUS, WAKE);
    assert_eq!(pm.read(STATUS), 0);
}

#[test]
fn a_driver_reads_back_what_it_enables_but_for_the_timers_carry() {
    let mut pm = Fixture::new();
    pm.write(ENABLE, 0xffff);
    assert_eq!(pm.read(ENABLE), 0x0520, "global lock, power button, clock");
    pm.pass(CARRY_NS);
    pm.write(CONTROL, 0);
    assert!(!pm.sci());
}

#[test]
fn the_timer_counts_24_bits_at_its_frequency() {
    let mut pm = Fixture::new();
    assert_eq!(pm.timer(), 0);
    pm.pass(SECOND_NS);
    assert_eq!(pm.timer(), 3_579_545);
    pm.pass(4 * SECOND_NS);
    assert_eq!(pm.timer(), 5 * 3_579_545 % (1 << 24));
    pm.block.write(TIMER, Width::Dword, 0);
    assert_eq!(pm.timer(), 5 * 3_579_545 % (1 << 24), "it is read-only");
    assert_eq!(pm.block.read(TIMER + 2, Width::Byte), (5 * 3_579_545 % (1 << 24)) >> 16);
}

#[test]
fn the_carry_is_told_each_time_the_highest_bit_changes() {
    let mut pm = Fixture::new();
    pm.pass(CARRY_NS - 1_000);
    assert_eq!((pm.timer() >> 23, pm.read(STATUS)), (0, 0));
    pm.pass(1_000);
    assert_eq!((pm.timer() >> 23, pm.read(STATUS)), (1, 1));
    pm.write(STATUS, 1);
    assert_eq!(pm.read(STATUS), 0);
    pm.pass(CARRY_NS);
    assert_eq!((pm.timer() >> 23, pm.read(STATUS)), (0, 1));
}

#[test]
fn time_is_no_state_and_the_timer_goes_on_by_what_passed_meanwhile() {
    let pm = Fixture::at(7 * SECOND_NS, None).unwrap();
    let saved = pm.block.save().unwrap();
    pm.pass(1_000_000);
    assert_eq!(pm.block.save().unwrap(), saved);
    let mut restored = Fixture::at(8 * SECOND_NS, Some(saved.decode().unwrap())).unwrap();
    assert_eq!(restored.timer(), 8 * 3_579_545 % (1 << 24));
}

#[test]
fn the_hosts_clock_goes_on() {
    let clock = SteadyClock::default();
    let (before, host, after) = (clock.now_ns(), HostClock.now_ns(), clock.now_ns());
    assert!(before <= after);
    assert!((before - host).abs() < 3_600 * SECOND_NS, "it shows the time of day");
}

#[test]
fn firmware_finds_system_management_mode_locked_and_gpe0_without_events() {
    let mut pm = Fixture::new();
    for offset in (0x10..0x80).step_by(4) {
        pm.block.write(offset, Width::Dword, u32::MAX.into());
    }
    assert_eq!([0x30, 0x34].map(|offset| pm.block.read(offset, Width::Dword)), [0x20, 0]);
    assert_eq!([0x20, 0x28].map(|offset| pm.block.read(offset, Width::Qword)), [0, u64::MAX]);
    for offset in [0x10, 0x1c, 0x38, 0x60, 0x7c] {
        assert_eq!(pm.block.read(offset, Width::Dword), 0, "offset {offset:#x}");
    }
}

#[test]
fn state_with_bits_that_are_never_kept_is_refused() {
    let good = PowerManagementState::at_power_on(&FakeClock::default());
    let states = [
        PowerManagementState { status: 1, ..good.clone() },
        PowerManagementState { enable: 1 << 15, ..good.clone() },
        PowerManagementState { enable: 1, ..good.clone() },
        PowerManagementState { control: 1, ..good.clone() },
        PowerManagementState { control: 1 << 13, ..good.clone() },
    ];
    for state in states {
        assert!(matches!(Fixture::at(0, Some(state)).map(|_| ()), Err(StateError::Invalid { .. })));
    }
}

proptest! {
    #[test]
    fn any_sequence_of_accesses_asserts_the_sci_for_what_waits_and_leaves_registers_that_can_be_restored(
        accesses in prop::collection::vec((0u8..4, 0u64..0x40, 0usize..4, any::<u64>()), 0..32)
    ) {
        let mut pm = Fixture::new();
        for (kind, offset, width, value) in accesses {
            let width = [Width::Byte, Width::Word, Width::Dword, Width::Qword][width];
            match kind {
                0 => pm.block.write(offset, width, value),
                1 => prop_assert_eq!(pm.block.read(offset, width) & !width.ones(), 0),
                2 => pm.block.press_power_button(),
                _ => pm.pass(i128::from(value >> 24)),
            }
            prop_assert_eq!(pm.sci(), pm.read(STATUS) & pm.read(ENABLE) != 0);
            prop_assert_eq!(pm.read(CONTROL) & 0x2001, 1);
            prop_assert!(pm.timer() < 1 << 24);
            prop_assert_eq!(pm.block.read(SMI, Width::Dword), SMI_ENABLE, "nothing to set up");
        }
        let saved = pm.block.save().unwrap();
        let restored = Fixture::at(0, Some(saved.decode().unwrap())).unwrap();
        prop_assert_eq!(restored.block.save().unwrap(), saved);
    }
}
