//! Dates, and how the time registers write them: BCD or binary, 12 or 24 hours (MC146818A data sheet, table 3).

/// Nanoseconds in a second.
pub(super) const SECOND_NS: i128 = 1_000_000_000;
const DAY_S: i64 = 86_400;
/// The Gregorian calendar repeats after 400 years.
const DAYS_IN_400_YEARS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// In the hour register of a 12-hour clock: afternoon.
const PM: u8 = 0x80;

/// How the time registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// Binary numbers, otherwise BCD.
    pub(super) binary: bool,
    /// 0 to 23, otherwise 1 to 12 with [`PM`].
    pub(super) hours24: bool,
}

impl Format {
    /// Writes a number from 0 to 99.
    pub(super) fn encode(self, number: u8) -> u8 {
        if self.binary { number } else { ((number / 10) << 4) | (number % 10) }
    }

    /// Reads a number; not BCD reads as `None`.
    pub(super) fn decode(self, byte: u8) -> Option<u8> {
        let (tens, ones) = (byte >> 4, byte & 0x0f);
        match (self.binary, tens, ones) {
            (true, ..) => Some(byte),
            (false, 0..=9, 0..=9) => Some(tens * 10 + ones),
            _ => None,
        }
    }

    /// Writes an hour from 0 to 23.
    pub(super) fn encode_hour(self, hour: u8) -> u8 {
        if self.hours24 {
            return self.encode(hour);
        }
        let afternoon = if hour < 12 { 0 } else { PM };
        let twelve = (hour + 11) % 12 + 1;
        self.encode(twelve) | afternoon
    }

    /// Reads an hour as 0 to 23.
    pub(super) fn decode_hour(self, byte: u8) -> Option<u8> {
        if self.hours24 {
            return self.decode(byte).filter(|hour| *hour < 24);
        }
        let twelve = self.decode(byte & !PM).filter(|hour| (1..=12).contains(hour))?;
        Some(twelve % 12 + if byte & PM == 0 { 0 } else { 12 })
    }
}

/// A date and time of day, each part in its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateTime {
    /// 0 to 9999.
    pub(super) year: u16,
    /// 1 to 12.
    pub(super) month: u8,
    /// 1 to 31.
    pub(super) day: u8,
    /// 0 to 23.
    pub(super) hour: u8,
    /// 0 to 59.
    pub(super) minute: u8,
    /// 0 to 59.
    pub(super) second: u8,
}

impl DateTime {
    /// The date `seconds` after 1970-01-01 00:00; years beyond four digits begin again at 0.
    pub(super) fn from_seconds(seconds: i64) -> Self {
        let (day_number, second_of_day) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
        // Years are counted from March on, so that the leap day is a year's last day.
        let days = day_number + DAYS_TO_1970;
        let (cycle, day_of_cycle) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
        let leap_days = day_of_cycle / 1_460 - day_of_cycle / 36_524 + day_of_cycle / 146_096;
        let year_of_cycle = (day_of_cycle - leap_days) / 365;
        let day_of_year = day_of_cycle - days_before_year(year_of_cycle);
        // March to July and August to December have 31, 30, 31, 30, 31 days: 153 in five months.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - days_before_month(month_from_march) + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
        Self {
            year: u16::try_from(year.rem_euclid(10_000)).unwrap_or(0),
            month: small(month),
            day: small(day),
            hour: small(second_of_day / 3_600),
            minute: small(second_of_day / 60 % 60),
            second: small(second_of_day % 60),
        }
    }

    /// Seconds after 1970-01-01 00:00. A day beyond the month's end counts on into the next month.
    pub(super) fn to_seconds(self) -> i64 {
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = days_before_month(month_from_march) + i64::from(self.day) - 1;
        let days = cycle * DAYS_IN_400_YEARS + days_before_year(year_of_cycle) + day_of_year - DAYS_TO_1970;
        days * DAY_S + i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }

    /// Days since a Sunday, 0 to 6.
    pub(super) fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        small((self.to_seconds().div_euclid(DAY_S) + 4).rem_euclid(7))
    }

    /// How many days the month has.
    pub(super) fn days_in_month(year: u16, month: u8) -> u8 {
        match month {
            2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

/// Days of a 400-year cycle before its year `year` (counted from March).
fn days_before_year(year: i64) -> i64 {
    365 * year + year / 4 - year / 100
}

/// Days of a year before its month `month`, counted from March.
fn days_before_month(month: i64) -> i64 {
    (153 * month + 2) / 5
}

/// A number that fits by construction.
fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(year: u16, month: u8, day: u8) -> DateTime {
        DateTime { year, month, day, hour: 0, minute: 0, second: 0 }
    }

    #[test]
    fn known_dates_have_their_seconds_and_weekdays() {
        // From `date -u -d ... +%s` and `+%w`.
        let known = [
            (date(1970, 1, 1), 0, 4),
            (date(2000, 2, 29), 951_782_400, 2),
            (date(2000, 3, 1), 951_868_800, 3),
            (date(1900, 3, 1), -2_203_891_200, 4),
            (date(2026, 11, 21), 1_795_219_200, 6),
            (date(2100, 12, 31), 4_133_894_400, 5),
        ];
        for (date, seconds, weekday) in known {
            assert_eq!((date.to_seconds(), date.weekday()), (seconds, weekday), "{date:?}");
            assert_eq!(DateTime::from_seconds(seconds), date);
        }
    }

    #[test]
    fn hours_of_a_twelve_hour_clock_begin_at_twelve() {
        let format = Format { binary: false, hours24: false };
        let known = [(0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)];
        for (hour, byte) in known {
            assert_eq!((format.encode_hour(hour), format.decode_hour(byte)), (byte, Some(hour)));
        }
        assert_eq!(format.decode_hour(0x00), None);
        assert_eq!(format.decode_hour(0x13), None);
    }

    proptest! {
        #[test]
        fn seconds_and_dates_are_each_others_inverse(seconds in -62_167_219_200i64..253_402_300_800) {
            let date = DateTime::from_seconds(seconds);
            prop_assert_eq!(date.to_seconds(), seconds);
            prop_assert!((1..=12).contains(&date.month));
            prop_assert!((1..=DateTime::days_in_month(date.year, date.month)).contains(&date.day));
        }

        #[test]
        fn what_is_encoded_is_decoded(number in 0u8..100, hour in 0u8..24, binary: bool, hours24: bool) {
            let format = Format { binary, hours24 };
            prop_assert_eq!(format.decode(format.encode(number)), Some(number));
            prop_assert_eq!(format.decode_hour(format.encode_hour(hour)), Some(hour));
        }
    }
}
