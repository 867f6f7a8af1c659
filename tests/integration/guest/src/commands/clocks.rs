//! `clocks`: reads every clock once. `clocks=watch,N`: reads them all the time, none may go backwards, and answers each
//! byte on the serial port with the wall times at that moment; ends after N answers.

use alloc::format;
use alloc::string::String;

use super::{Outcome, list, required};
use crate::clock::{cycles_to_ns, kvmclock, rtc, tsc_hz, wall_clock_base};
use crate::cpu::tsc;
use crate::serial::{received, say};

/// Clocks as they were at the start, to tell wall time from each later.
struct Start {
    wall_base: Option<u64>,
    tsc: u64,
    wall: u64,
}

impl Start {
    fn read() -> Self {
        let wall_base = wall_clock_base();
        let by_rtc = rtc().map_or(0, |seconds| seconds * 1_000_000_000);
        let cycles = tsc();
        let wall = wall_base.zip(kvmclock()).map_or(by_rtc, |(base, (ns, _))| base + ns);
        Self { wall_base, tsc: cycles, wall }
    }

    /// `wall_kvmclock_ns` counts from the base read at the start, `wall_fresh_ns` from the base as KVM says it now.
    fn answer(&self) -> String {
        let cycles = tsc();
        let kvm = kvmclock();
        let seconds = rtc();
        let fresh = wall_clock_base();
        let wall = |base: Option<u64>| base.zip(kvm).map(|(base, (ns, _))| base + ns);
        format!(
            "wall_kvmclock_ns={} wall_tsc_ns={} wall_rtc_s={} wall_fresh_ns={} kvmclock_ns={} kvmclock_flags={} tsc={cycles} tsc_hz={}",
            list([wall(self.wall_base)]),
            self.wall + cycles_to_ns(cycles.wrapping_sub(self.tsc)),
            list([seconds]),
            list([wall(fresh)]),
            list([kvm.map(|(ns, _)| ns)]),
            list([kvm.map(|(_, flags)| flags)]),
            tsc_hz(),
        )
    }
}

/// A clock that must not go backwards.
struct Watched {
    name: &'static str,
    last: u64,
}

impl Watched {
    fn check(&mut self, now: u64) -> Result<(), String> {
        if now < self.last {
            return Err(format!("{} went backwards: {} then {now}", self.name, self.last));
        }
        self.last = now;
        Ok(())
    }
}

fn watch(answers: u64) -> Outcome {
    let start = Start::read();
    let [mut cycles, mut kvm, mut seconds] = ["tsc", "kvmclock", "rtc"].map(|name| Watched { name, last: 0 });
    say!("clock watching {}", start.answer());
    let (mut given, mut samples) = (0, 0u64);
    while given < answers {
        samples += 1;
        cycles.check(tsc())?;
        kvm.check(kvmclock().map_or(0, |(ns, _)| ns))?;
        if samples.is_multiple_of(256) {
            seconds.check(rtc().unwrap_or(0))?;
        }
        if samples.is_multiple_of(16) && received().is_some() {
            given += 1;
            let answer = start.answer();
            say!("clock answer={given} {answer}");
        }
    }
    Ok(format!("samples={samples} answers={given} backwards=0"))
}

pub fn run(arguments: &str) -> Outcome {
    match arguments.split_once(',') {
        None if arguments.is_empty() => Ok(Start::read().answer()),
        Some(("watch", answers)) => watch(required(answers)?),
        _ => Err(format!("unknown argument {arguments:?}")),
    }
}
