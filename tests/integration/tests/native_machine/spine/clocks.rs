//! The guest's clocks: they tell the time, none goes backwards, and a pause takes nothing from them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use integration::host_differences::host_time_is_tsc;
use integration::machine::{Answer, Guest};

use super::machine;

/// How far a wall clock may be off, beyond the time that asking took.
const TOLERANCE_NS: u64 = 100_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// How long a pause lasts.
const PAUSE: Duration = Duration::from_millis(1600);

fn host_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(now.as_nanos()).expect("a clock before 2500")
}

/// What the guest's clocks said, and the host's before and after.
struct Reading {
    before: u64,
    answer: Answer,
    after: u64,
}

impl Reading {
    /// Asks a guest that runs `clocks=watch`.
    fn take(guest: &mut Guest) -> Self {
        let before = host_ns();
        guest.send(b"?");
        let answer = guest.line("clock answer=");
        Self { before, answer, after: host_ns() }
    }

    /// Every clock that the guest has tells the host's time.
    fn assert_right(&self) {
        let Self { before, answer, after } = self;
        for clock in ["wall_kvmclock_ns", "wall_tsc_ns", "wall_fresh_ns"] {
            let told = answer.number(clock);
            let range = before - TOLERANCE_NS..=after + TOLERANCE_NS;
            assert!(range.contains(&told), "{clock} is wrong: {told} between {before} and {after}");
        }
        let seconds = answer.number("wall_rtc_s") * SECOND_NS;
        let range = before - SECOND_NS..=after + SECOND_NS;
        assert!(range.contains(&seconds), "the RTC is wrong: {seconds} between {before} and {after}");
    }

    fn kvmclock(&self) -> u64 {
        self.answer.number("kvmclock_ns")
    }

    fn tsc_ns(&self) -> u64 {
        let (cycles, frequency) = (self.answer.number("tsc"), self.answer.number("tsc_hz"));
        u64::try_from(u128::from(cycles) * u128::from(SECOND_NS) / u128::from(frequency)).expect("a young host")
    }
}

#[test]
fn clocks_tell_the_host_s_time_and_never_go_backwards_across_pauses() {
    let Some(machine) = machine("clocks=watch,6") else { return };
    let mut guest = machine.start();
    guest.line("clock watching");
    for _ in 0..2 {
        Reading::take(&mut guest).assert_right();
        let before = Reading::take(&mut guest);
        before.assert_right();
        guest.handle.pause().unwrap();
        assert!(guest.console.is_silent(PAUSE), "a paused guest printed");
        guest.handle.resume().unwrap();
        let after = Reading::take(&mut guest);
        after.assert_right();
        // Both clocks have counted the pause: the guest's monotonic time is the host's.
        let least = u64::try_from(PAUSE.as_nanos()).unwrap() - TOLERANCE_NS;
        let most = after.after - before.before + TOLERANCE_NS;
        for (clock, passed) in
            [("kvmclock", after.kvmclock() - before.kvmclock()), ("the TSC", after.tsc_ns() - before.tsc_ns())]
        {
            assert!((least..=most).contains(&passed), "{clock} counted {passed} ns, not {least} to {most}");
        }
    }
    let end = guest.answer("clocks");
    assert_eq!((end.number("answers"), end.number("backwards")), (6, 0));
}

#[test]
fn clocks_are_right_again_after_a_reset() {
    let Some(machine) = machine("clocks=watch,1 wait") else { return };
    let mut guest = machine.start();
    for boot in 0..2 {
        guest.line("clock watching");
        Reading::take(&mut guest).assert_right();
        guest.line("waiting");
        if boot == 0 {
            guest.handle.reset().unwrap();
        }
    }
}

#[test]
fn the_guest_is_told_the_frequency_of_its_tsc() {
    // Leaf 0x15: EBX / EAX is the TSC's ratio to the crystal, whose frequency ECX is; or leaf 0x40000010 in kHz.
    let Some(machine) = machine("clocks cpuid=0x40000010 cpuid=0x15") else { return };
    let mut guest = machine.start();
    let measured = guest.answer("clocks").number("tsc_hz");
    let leaf = |answer: &Answer| answer.numbers("cpl0");
    let timing = leaf(&guest.answer("cpuid"));
    let crystal = leaf(&guest.answer("cpuid"));
    let told = match (timing[0], crystal[0]) {
        (0, 0) => panic!("no leaf tells it"),
        (0, denominator) => crystal[2] * crystal[1] / denominator,
        (khz, _) => khz * 1000,
    };
    assert!(told.abs_diff(measured) < measured / 50, "told {told} Hz, measured {measured} Hz");
}

#[test]
fn kvmclock_is_stable_where_the_host_s_own_time_is() {
    // With one source of time for all vCPUs, guests read it without a lock: PVCLOCK_TSC_STABLE_BIT.
    let Some(machine) = machine("smp clocks") else { return };
    let mut guest = machine.cpus(2).start();
    assert_eq!(guest.answer("clocks").number("kvmclock_flags") & 1, u64::from(host_time_is_tsc()));
}
