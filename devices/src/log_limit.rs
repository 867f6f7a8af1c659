//! A bound on log lines that a guest can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines in a row.
const BURST: u32 = 5;
/// After this long without a line, another burst is allowed.
const PERIOD: Duration = Duration::from_secs(60);

/// Lets a burst of lines through, then silence for a period.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    opened: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl LogLimit {
    /// Whether a line may be written now, and how many were swallowed before it.
    pub(crate) fn allow(&self) -> Option<u64> {
        self.allow_at(Instant::now())
    }

    fn allow_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.opened.is_none_or(|opened| now.saturating_duration_since(opened) >= PERIOD) {
            window.opened = Some(now);
            window.lines = 0;
        }
        if window.lines < BURST {
            window.lines += 1;
            Some(std::mem::take(&mut window.suppressed))
        } else {
            window.suppressed += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_pass_and_a_minute_later_the_next_one_counts_the_swallowed() {
        let limit = LogLimit::default();
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(limit.allow_at(start), Some(0));
        }
        assert_eq!(limit.allow_at(start), None);
        assert_eq!(limit.allow_at(start + Duration::from_secs(59)), None);
        assert_eq!(limit.allow_at(start + Duration::from_secs(60)), Some(2));
        assert_eq!(limit.allow_at(start + Duration::from_secs(60)), Some(0));
    }

    #[test]
    fn the_clock_of_the_process_is_used() {
        let limit = LogLimit::default();
        assert_eq!((0..7).filter_map(|_| limit.allow()).count(), 5);
    }
}
