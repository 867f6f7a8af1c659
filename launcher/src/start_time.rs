//! When this process was started, for the boot timeline.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::{OsStr, OsString};
use thiserror::Error;
use vmm::StartSource;

/// The parent's CLOCK_MONOTONIC in nanoseconds, read just before it forked.
pub(crate) const VARIABLE: &str = "PODVISOR_START_NS";

/// A start time and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartTime {
    pub(crate) source: StartSource,
    /// CLOCK_MONOTONIC.
    pub(crate) ns: u64,
}

/// Why the parent's time is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum StartTimeError {
    #[error("{VARIABLE}={0:?} is not a number of nanoseconds")]
    NotANumber(OsString),
    #[error("{VARIABLE}={0} lies in the future: it must be CLOCK_MONOTONIC, read before this process was started")]
    Future(u64),
}

impl StartTime {
    /// The time in `parent` (the value of [`VARIABLE`]), or else `entered_ns`, the entry to `main`.
    ///
    /// # Errors
    /// `parent` is no number, or later than `entered_ns`.
    pub(crate) fn from_parent(parent: Option<&OsStr>, entered_ns: u64) -> Result<Self, StartTimeError> {
        let Some(text) = parent else {
            return Ok(Self { source: StartSource::Main, ns: entered_ns });
        };
        let number = text.to_str().and_then(|text| text.parse().ok());
        match number {
            Some(ns) if ns <= entered_ns => Ok(Self { source: StartSource::Parent, ns }),
            Some(ns) => Err(StartTimeError::Future(ns)),
            None => Err(StartTimeError::NotANumber(text.to_owned())),
        }
    }
}

/// CLOCK_MONOTONIC now, in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock counts up from the host's start: neither part is ever negative.
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parent: Option<&str>) -> Result<StartTime, StartTimeError> {
        StartTime::from_parent(parent.map(OsStr::new), 100)
    }

    #[test]
    fn without_a_parents_time_the_entry_to_main_counts() {
        assert_eq!(read(None), Ok(StartTime { source: StartSource::Main, ns: 100 }));
    }

    #[test]
    fn a_parents_time_counts_when_it_lies_in_the_past() {
        assert_eq!(read(Some("99")), Ok(StartTime { source: StartSource::Parent, ns: 99 }));
        assert_eq!(read(Some("101")), Err(StartTimeError::Future(101)));
    }

    #[test]
    fn a_parents_time_that_is_no_number_is_refused() {
        for text in ["", "-1", "1.5", "now"] {
            assert_eq!(read(Some(text)), Err(StartTimeError::NotANumber(text.into())));
        }
    }
}
