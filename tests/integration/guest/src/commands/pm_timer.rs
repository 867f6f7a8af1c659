//! `pm-timer`: reads the PM timer for 500 ms (ACPI 6.5 4.8.3.3) beside the TSC.

use alloc::format;

use super::Outcome;
use crate::clock::{Timeout, tsc_hz};
use crate::cpu::tsc;
use crate::fixed_hardware::{TIMER_HZ, timer, timer_mask};
use crate::platform::{FixedHardware, platform};

/// The timer, and the TSC in the middle of the fastest of some reads.
fn sample(fixed: &FixedHardware) -> (u64, u32) {
    let one = || {
        let before = tsc();
        let ticks = timer(fixed);
        let after = tsc();
        (after - before, before / 2 + after / 2, ticks)
    };
    let (_, cycles, ticks) = (0..16).map(|_| one()).min_by_key(|sample| sample.0).unwrap_or_default();
    (cycles, ticks)
}

pub fn run() -> Outcome {
    let fixed = platform().fixed.as_ref().filter(|fixed| fixed.timer != 0).ok_or("no PM timer")?;
    tsc_hz();
    let mask = timer_mask(fixed);
    let first = sample(fixed);
    let timeout = Timeout::after(500);
    let (mut last, mut ticks, mut samples) = (first.1, 0u64, 0u64);
    while !timeout.passed() {
        let now = timer(fixed);
        let step = now.wrapping_sub(last) & mask;
        // A step of half the range is a step back.
        if step > mask / 2 {
            return Err(format!("went backwards: {last:#x} then {now:#x}"));
        }
        ticks += u64::from(step);
        (last, samples) = (now, samples + 1);
    }
    let end = sample(fixed);
    ticks += u64::from(end.1.wrapping_sub(last) & mask);
    let hz = u128::from(ticks) * u128::from(tsc_hz()) / u128::from(end.0 - first.0).max(1);
    Ok(format!("bits={} samples={samples} ticks={ticks} hz={hz} wanted={TIMER_HZ}", mask.count_ones()))
}
