//! CLOCK_MONOTONIC, which parent and child read alike.

use rustix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock counts up from the host's start: neither part is ever negative.
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Milliseconds from `start_ns` to `end_ns`.
#[allow(clippy::cast_precision_loss)] // 2^53 ns are a hundred days
pub fn milliseconds(start_ns: u64, end_ns: u64) -> f64 {
    end_ns.saturating_sub(start_ns) as f64 / 1e6
}
