//! Lengths of time, as text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A length of time such as `1h30m`; the text is kept. Two are equal when they are as long.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, Serialize)]
#[serde(transparent)]
pub struct Duration(pub String);

/// Why a text is no length of time.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DurationError {
    /// There is no number, or the whole does not fit.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number is followed by nothing.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A number is followed by something else than a unit.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What follows it.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// The units, in nanoseconds. The micro sign and the Greek letter are the same.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl Duration {
    /// How long it is, in nanoseconds, read as Go does.
    ///
    /// # Errors
    ///
    /// [`DurationError`] when the text is no length of time, or longer than 292 years.
    pub fn nanoseconds(&self) -> Result<i64, DurationError> {
        let text = &self.0;
        let invalid = || DurationError::Invalid(text.clone());
        let (is_negative, mut rest) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text.as_str()),
        };
        if rest == "0" {
            return Ok(0);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut whole: i128 = 0;
        while !rest.is_empty() {
            let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
            let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
            let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
            if fraction.contains('.') || (integer.is_empty() && fraction.is_empty()) {
                return Err(invalid());
            }
            if unit.is_empty() {
                return Err(DurationError::MissingUnit(text.clone()));
            }
            let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.clone() });
            };
            let length = i128::from(*length);
            let part = if integer.is_empty() { Some(0) } else { integer.parse::<i128>().ok() };
            let part = part.and_then(|part| part.checked_mul(length)).ok_or_else(invalid)?;
            whole = whole.checked_add(part + part_of(fraction, length)).ok_or_else(invalid)?;
            rest = after;
        }
        i64::try_from(if is_negative { -whole } else { whole }).map_err(|_| invalid())
    }
}

/// The beginning of which all characters are such, and the rest.
fn split(text: &str, is_such: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_such(c)).unwrap_or(text.len()))
}

/// `0.fraction` of a unit, rounded down; digits that a nanosecond does not see are left out.
fn part_of(fraction: &str, length: i128) -> i128 {
    let digits = fraction.get(..fraction.len().min(18)).unwrap_or_default();
    let scale = digits.chars().fold(1, |scale: i128, _| scale * 10);
    digits.parse::<i128>().unwrap_or(0) * length / scale
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        match (self.nanoseconds(), other.nanoseconds()) {
            (Ok(one), Ok(other)) => one == other,
            _ => self.0 == other.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<i64, DurationError> {
        Duration(text.to_owned()).nanoseconds()
    }

    #[test]
    fn a_length_of_time_is_the_sum_of_its_parts() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("-0", 0),
            ("1ns", 1),
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            ("+.5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("2\u{b5}s3us", 5_000),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("2562047h47m16.854775807s", i64::MAX),
        ] {
            assert_eq!(read(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_told_as_upstream_tells_it() {
        for (text, told) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("h", "time: invalid duration \"h\""),
            ("1..s", "time: invalid duration \"1..s\""),
            (".s", "time: invalid duration \".s\""),
            ("5", "time: missing unit in duration \"5\""),
            ("5m3", "time: missing unit in duration \"5m3\""),
            ("5d", "time: unknown unit \"d\" in duration \"5d\""),
            ("1 s", "time: unknown unit \" s\" in duration \"1 s\""),
            ("9999999h", "time: invalid duration \"9999999h\""),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), told, "{text}");
        }
    }

    #[test]
    fn equally_long_is_equal() {
        let one = |text: &str| Duration(text.to_owned());
        assert_eq!(one("1h"), one("60m"));
        assert_ne!(one("1h"), one("61m"));
        assert_ne!(one("soon"), one("later"));
    }
}
