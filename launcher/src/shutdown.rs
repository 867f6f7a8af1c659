//! What is done, and when, once somebody asks for the machine's end: its guest is asked first, by the power button.
//!
//! ```text
//!            asked: press                           asked again, or the grace period is over: stop
//!  Running ───────────────────────────► Pressed ────────────────────────────────────────► Stopped
//!     │                                    └─ every 5 s: press (guests may miss it)          ▲
//!     └──────────────────── asked, with a grace period of 0: stop ───────────────────────────┘
//! ```

use std::str::FromStr;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long after a press the button is pressed again: a guest that is still booting does not see it.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a guest may take to power off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grace(pub(crate) Duration);

impl Default for Grace {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Why a text is no grace period.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("write a whole number of seconds, at most {}; 0 does not wait at all", u32::MAX)]
pub(crate) struct GraceError;

impl FromStr for Grace {
    type Err = GraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Without the sign that Rust's numbers may have.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u32 = text.parse().ok().filter(|_| digits).ok_or(GraceError)?;
        Ok(Self(Duration::from_secs(seconds.into())))
    }
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Wait,
    /// Press the power button.
    Press,
    /// Stop the machine, whatever its guest does.
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Running,
    Pressed { again_at: Instant, stop_at: Instant },
    Stopped,
}

/// The end of one machine. It keeps no time itself: it is told what time it is.
#[derive(Debug)]
pub(crate) struct Shutdown {
    grace: Duration,
    state: State,
}

impl Shutdown {
    /// Of a machine that runs.
    pub(crate) fn new(Grace(grace): Grace) -> Self {
        Self { grace, state: State::Running }
    }

    /// Somebody asks for the end.
    pub(crate) fn asked(&mut self, now: Instant) -> Step {
        match self.state {
            State::Running if !self.grace.is_zero() => {
                self.state = State::Pressed { again_at: now + AGAIN, stop_at: now + self.grace };
                Step::Press
            }
            State::Running | State::Pressed { .. } | State::Stopped => {
                self.state = State::Stopped;
                Step::Stop
            }
        }
    }

    /// Time has passed.
    pub(crate) fn passed(&mut self, now: Instant) -> Step {
        match self.state {
            State::Pressed { stop_at, .. } if now >= stop_at => {
                self.state = State::Stopped;
                Step::Stop
            }
            State::Pressed { again_at, stop_at } if now >= again_at => {
                self.state = State::Pressed { again_at: now + AGAIN, stop_at };
                Step::Press
            }
            State::Running | State::Pressed { .. } | State::Stopped => Step::Wait,
        }
    }

    /// After how long there is something to do if nothing happens before; `None`: nothing will be.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Pressed { again_at, stop_at } => Some(again_at.min(stop_at).saturating_duration_since(now)),
            State::Running | State::Stopped => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn after(grace: u64) -> (Shutdown, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let shutdown = Shutdown::new(Grace(Duration::from_secs(grace)));
        (shutdown, move |seconds| start + Duration::from_secs(seconds))
    }

    /// What a machine that nobody asks again sees, with the second of each step.
    fn steps(grace: u64) -> Vec<(u64, Step)> {
        let (mut shutdown, at) = after(grace);
        let mut now = 0;
        let mut steps = vec![(0, shutdown.asked(at(0)))];
        while let Some(patience) = shutdown.patience(at(now)) {
            now += patience.as_secs();
            steps.push((now, shutdown.passed(at(now))));
        }
        steps
    }

    #[test]
    fn a_machine_that_nobody_asks_runs_on() {
        let (mut shutdown, at) = after(30);
        assert_eq!(shutdown.patience(at(0)), None);
        assert_eq!(shutdown.passed(at(1_000_000)), Step::Wait);
    }

    #[test]
    fn the_button_is_pressed_every_five_seconds_until_the_grace_period_is_over() {
        let press = |seconds| (seconds, Step::Press);
        assert_eq!(steps(12), [press(0), press(5), press(10), (12, Step::Stop)]);
        assert_eq!(steps(10), [press(0), press(5), (10, Step::Stop)]);
        assert_eq!(steps(1), [press(0), (1, Step::Stop)]);
    }

    #[test]
    fn without_a_grace_period_the_button_is_not_pressed() {
        assert_eq!(steps(0), [(0, Step::Stop)]);
    }

    #[test]
    fn a_second_request_does_not_wait() {
        let (mut shutdown, at) = after(30);
        assert_eq!(shutdown.asked(at(0)), Step::Press);
        assert_eq!(shutdown.asked(at(1)), Step::Stop);
        assert_eq!(shutdown.patience(at(1)), None);
        assert_eq!(shutdown.asked(at(2)), Step::Stop);
    }

    #[test]
    fn waking_up_early_changes_nothing_and_late_makes_up_for_nothing() {
        let (mut shutdown, at) = after(30);
        assert_eq!(shutdown.asked(at(0)), Step::Press);
        assert_eq!((shutdown.passed(at(4)), shutdown.patience(at(4))), (Step::Wait, Some(Duration::from_secs(1))));
        assert_eq!(shutdown.passed(at(17)), Step::Press, "one press, however many were due");
        assert_eq!(shutdown.patience(at(17)), Some(AGAIN));
        assert_eq!(shutdown.passed(at(99)), Step::Stop);
    }

    #[test]
    fn a_grace_period_is_a_number_of_seconds() {
        for (text, seconds) in [("0", 0), ("30", 30), ("4294967295", 4_294_967_295)] {
            assert_eq!(text.parse(), Ok(Grace(Duration::from_secs(seconds))));
        }
        for text in ["", "-1", "+1", "1.5", "30s", "soon", "4294967296"] {
            assert_eq!(text.parse::<Grace>(), Err(GraceError), "{text:?}");
        }
        let longest: Grace = "4294967295".parse().unwrap();
        assert_eq!(Shutdown::new(longest).asked(Instant::now()), Step::Press);
    }
}
