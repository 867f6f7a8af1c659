//! Guests that reset in a loop are slowed down.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Resets closer together than this count as a loop.
const WINDOW: Duration = Duration::from_secs(10);
/// So many resets within the window cost nothing.
const FREE: usize = 5;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Remembers when the guest reset.
#[derive(Debug, Default)]
pub(crate) struct ResetBackoff {
    recent: VecDeque<Instant>,
    delay: Option<Duration>,
}

impl ResetBackoff {
    /// Notes a reset at `now`; how long to wait before the next boot.
    pub(crate) fn note(&mut self, now: Instant) -> Duration {
        self.recent.retain(|at| now.duration_since(*at) < WINDOW);
        if self.recent.len() < FREE {
            self.recent.push_back(now);
            self.delay = None;
            return Duration::ZERO;
        }
        self.recent.pop_front();
        self.recent.push_back(now);
        let delay = self.delay.map_or(FIRST_DELAY, |last| (last * 2).min(LONGEST_DELAY));
        self.delay = Some(delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_resets_are_free_and_a_loop_backs_off_to_a_limit() {
        let start = Instant::now();
        let mut backoff = ResetBackoff::default();
        let delays: Vec<u128> = (0..14).map(|_| backoff.note(start).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn resets_far_apart_stay_free() {
        let start = Instant::now();
        let mut backoff = ResetBackoff::default();
        for n in 0..20 {
            assert_eq!(backoff.note(start + WINDOW * n), Duration::ZERO);
        }
    }

    #[test]
    fn a_loop_that_ends_is_forgiven() {
        let start = Instant::now();
        let mut backoff = ResetBackoff::default();
        for _ in 0..8 {
            backoff.note(start);
        }
        assert_eq!(backoff.note(start + WINDOW), Duration::ZERO);
        for _ in 0..4 {
            backoff.note(start + WINDOW);
        }
        assert_eq!(backoff.note(start + WINDOW), FIRST_DELAY);
    }
}
