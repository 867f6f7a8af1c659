//! When the alarm goes off (MC146818A data sheet, "Time, calendar and alarm locations").

use super::calendar::Format;

/// Both upper bits of an alarm byte set: any value matches.
const ANY: u8 = 0xc0;
const DAY_S: i64 = 86_400;

/// One alarm register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Any,
    Only(u8),
}

impl Match {
    fn of(byte: u8, value: Option<u8>, limit: u8) -> Option<Self> {
        if byte & ANY == ANY {
            return Some(Self::Any);
        }
        value.filter(|value| *value < limit).map(Self::Only)
    }

    fn matches(self, value: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => i64::from(only) == value,
        }
    }
}

/// A time of day, or a pattern of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    hour: Match,
    minute: Match,
    second: Match,
}

impl Alarm {
    /// The alarm in the three registers; `None` when one holds no time, so that it never goes off.
    pub(super) fn new(format: Format, hour: u8, minute: u8, second: u8) -> Option<Self> {
        Some(Self {
            hour: Match::of(hour, format.decode_hour(hour), 24)?,
            minute: Match::of(minute, format.decode(minute), 60)?,
            second: Match::of(second, format.decode(second), 60)?,
        })
    }

    /// Whether it goes off in a second after `from` and up to `to` (seconds since 1970).
    pub(super) fn between(self, from: i64, to: i64) -> bool {
        self.seconds_until(from + 1) < to - from
    }

    /// Seconds from `start` on until it goes off; less than a day.
    fn seconds_until(self, start: i64) -> i64 {
        let (hour, rest) = (start.rem_euclid(DAY_S) / 3_600, start.rem_euclid(3_600));
        // The hour under way, the following ones, and at last its own beginning again.
        for later in 0..=24 {
            if !self.hour.matches((hour + later) % 24) {
                continue;
            }
            let first = if later == 0 { rest } else { 0 };
            if let Some(found) = self.in_hour(first) {
                return later * 3_600 + found - rest;
            }
        }
        // Not reached: every alarm goes off once a day.
        DAY_S
    }

    /// The first second of an hour, from `first` on, that matches.
    fn in_hour(self, first: i64) -> Option<i64> {
        let (minute, second) = (first / 60, first % 60);
        let this_minute = (second..60).map(|second| (minute, second));
        let rest = (minute + 1..60).map(|minute| (minute, 0));
        let candidates = this_minute.chain(rest).filter(|(minute, _)| self.minute.matches(*minute));
        for (minute, second) in candidates {
            if let Some(second) = self.in_minute(second) {
                return Some(minute * 60 + second);
            }
        }
        None
    }

    /// The first second of a minute, from `first` on, that matches.
    fn in_minute(self, first: i64) -> Option<i64> {
        match self.second {
            Match::Any => Some(first),
            Match::Only(second) => Some(i64::from(second)).filter(|second| *second >= first),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BINARY: Format = Format { binary: true, hours24: true };

    #[test]
    fn registers_without_a_time_never_go_off() {
        assert_eq!(Alarm::new(BINARY, 24, 0, 0), None);
        assert_eq!(Alarm::new(BINARY, 0, 60, 0), None);
        assert_eq!(Alarm::new(Format { binary: false, hours24: true }, 0, 0, 0x5a), None);
    }

    #[test]
    fn the_afternoon_bit_is_no_wildcard() {
        let twelve = Format { binary: false, hours24: false };
        let alarm = Alarm::new(twelve, 0x92, 0x30, 0x00).unwrap();
        assert!(alarm.between(12 * 3_600, 12 * 3_600 + 1_800));
        assert!(!alarm.between(0, 1_800));
    }

    fn byte(limit: u8) -> impl Strategy<Value = u8> {
        prop_oneof![0..limit, Just(0xc0), Just(0xff)]
    }

    proptest! {
        #[test]
        fn it_goes_off_exactly_when_a_second_in_between_matches(
            hour in byte(24), minute in byte(60), second in byte(60), from in 0i64..200_000, length in 0i64..400
        ) {
            let alarm = Alarm::new(BINARY, hour, minute, second).unwrap();
            let matches = |register: u8, value: i64| register >= 0xc0 || i64::from(register) == value;
            let naive = (from + 1..=from + length).any(|now| {
                matches(hour, now / 3_600 % 24) && matches(minute, now / 60 % 60) && matches(second, now % 60)
            });
            prop_assert_eq!(alarm.between(from, from + length), naive);
        }

        #[test]
        fn every_alarm_goes_off_once_a_day(hour in byte(24), minute in byte(60), second in byte(60), from: i32) {
            let alarm = Alarm::new(BINARY, hour, minute, second).unwrap();
            prop_assert!(alarm.between(from.into(), i64::from(from) + DAY_S));
        }
    }
}
