//! What a worker lends to the handler whose turn it is.
//!
//! A handler moves between workers, so it keeps nothing of this: it is given the context at each turn.

use std::time::Instant;

/// Belongs to a worker's thread.
#[derive(Debug)]
pub struct WorkerContext {
    now: Instant,
    wake: Option<Instant>,
}

impl WorkerContext {
    /// Of a worker that begins its work at `now`.
    pub fn new(now: Instant) -> Self {
        Self { now, wake: None }
    }

    /// The worker begins a round of turns.
    pub fn begin_round(&mut self, now: Instant) {
        self.now = now;
    }

    /// When this round of turns began.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The handler wants another turn at `time`, besides those that its notification and its completion bring. Asked
    /// again at each turn, the earliest time counts.
    pub fn wake_at(&mut self, time: Instant) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// When the handler whose turn has ended wants the next one.
    pub fn take_wake(&mut self) -> Option<Instant> {
        self.wake.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn of_several_wishes_the_earliest_counts_once() {
        let start = Instant::now();
        let mut context = WorkerContext::new(start);
        assert_eq!((context.now(), context.take_wake()), (start, None));
        for seconds in [3, 1, 2] {
            context.wake_at(start + Duration::from_secs(seconds));
        }
        assert_eq!(context.take_wake(), Some(start + Duration::from_secs(1)));
        assert_eq!(context.take_wake(), None);
    }
}
