//! The PM timer (ACPI 6.5, 4.8.2.1), and the time that it counts.

use crate::legacy::{HostClock, WallClock};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;

/// Ticks in a second.
const FREQUENCY_HZ: i128 = 3_579_545;
const SECOND_NS: i128 = 1_000_000_000;
/// The timer's bits.
const WIDTH: u32 = 24;

/// The host's time of day as it was when this was made, going on with CLOCK_MONOTONIC: nobody sets it. So what counts
/// by it neither stops nor goes back, and after a restore is ahead by the time that passed.
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock {
    /// What the time of day was ahead of CLOCK_MONOTONIC.
    ahead_ns: i128,
}

impl Default for SteadyClock {
    /// A clock that shows the host's time of day.
    fn default() -> Self {
        Self { ahead_ns: HostClock.now_ns() - monotonic_ns() }
    }
}

impl WallClock for SteadyClock {
    fn now_ns(&self) -> i128 {
        monotonic_ns() + self.ahead_ns
    }
}

fn monotonic_ns() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * SECOND_NS + i128::from(now.tv_nsec)
}

/// The timer. Its value is a function of the time, its carry one of the time since it was last cleared.
pub(super) struct PmTimer {
    clock: Arc<dyn WallClock>,
    /// [`carries`] when the carry was last cleared.
    pub(super) carries_seen: i64,
}

impl PmTimer {
    /// A timer that shows `clock`, and whose carry was last cleared when it had carried `carries_seen` times.
    pub(super) fn new(clock: Arc<dyn WallClock>, carries_seen: i64) -> Self {
        Self { clock, carries_seen }
    }

    /// The timer's value.
    pub(super) fn ticks(&self) -> u32 {
        let value = ticks(self.clock.as_ref()).rem_euclid(1 << WIDTH);
        u32::try_from(value).unwrap_or(0)
    }

    /// Whether the highest bit has changed since the carry was last cleared.
    pub(super) fn has_carried(&self) -> bool {
        carries(self.clock.as_ref()) != self.carries_seen
    }

    pub(super) fn clear_carry(&mut self) {
        self.carries_seen = carries(self.clock.as_ref());
    }
}

fn ticks(clock: &dyn WallClock) -> i128 {
    (clock.now_ns() * FREQUENCY_HZ).div_euclid(SECOND_NS)
}

/// How often the highest bit has changed since 1970.
pub(super) fn carries(clock: &dyn WallClock) -> i64 {
    let carries = ticks(clock).div_euclid(1 << (WIDTH - 1));
    i64::try_from(carries).unwrap_or(0)
}
