//! Amounts of memory, processor time and other resources.

use std::borrow::Cow;
use std::cmp::Ordering;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use thiserror::Error;

/// What a quantity looks like, for the API server.
const PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// One unit, in the unit that amounts are counted in.
const NANO: i128 = 1_000_000_000;

/// The largest amount, as upstream's: 2^63 - 1.
const MAX: i128 = (i64::MAX as i128) * NANO;

/// An amount such as `512Mi`, `100m` or `2`; the text is kept as it was read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Quantity(Written);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Number(Number),
    Text(String),
}

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum QuantityError {
    /// It does not begin with a number, or something follows the suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The suffix is none of the known ones.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// How a quantity was written, which says how to write it canonically.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Notation {
    /// `Ki`, `Mi`, ...: powers of 1024.
    Binary,
    /// `k`, `M`, ..., `m`: powers of 1000; also no suffix.
    Decimal,
    /// `e3`.
    Exponent,
}

/// A parsed quantity: an amount in billionths.
#[derive(Clone, Copy, Debug)]
struct Amount {
    nanos: i128,
    notation: Notation,
}

impl Quantity {
    /// A whole amount, written in powers of 1024 when `binary`, else of 1000.
    fn from_amount(nanos: i128, notation: Notation) -> Self {
        Self(Written::Text(Amount { nanos, notation }.canonical()))
    }

    /// A whole number without a suffix of 1024.
    pub fn from_integer(value: i64) -> Self {
        Self::from_amount(i128::from(value) * NANO, Notation::Decimal)
    }

    /// A number of bytes, written in powers of 1024.
    pub fn from_bytes(value: i64) -> Self {
        Self::from_amount(i128::from(value) * NANO, Notation::Binary)
    }

    /// The text as it was read.
    pub fn text(&self) -> String {
        match &self.0 {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text.clone(),
        }
    }

    /// Whether this is a quantity.
    ///
    /// # Errors
    ///
    /// [`QuantityError`] when it is not.
    pub fn check(&self) -> Result<(), QuantityError> {
        Amount::parse(&self.text()).map(|_| ())
    }

    /// The amount in billionths; what is no quantity counts as zero.
    fn amount(&self) -> Amount {
        Amount::parse(&self.text()).unwrap_or(Amount { nanos: 0, notation: Notation::Decimal })
    }

    /// The amount, rounded up to a whole number.
    pub fn value(&self) -> i64 {
        i64::try_from(div_up(self.amount().nanos, NANO)).unwrap_or(i64::MAX)
    }

    /// The amount in thousandths, rounded up.
    pub fn milli_value(&self) -> i64 {
        i64::try_from(div_up(self.amount().nanos, NANO / 1000)).unwrap_or(i64::MAX)
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.amount().nanos == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(&self) -> bool {
        self.amount().nanos < 0
    }

    /// Whether it is a whole number of thousandths.
    pub fn has_thousandths(&self) -> bool {
        self.amount().nanos % (NANO / 1000) == 0
    }

    /// Another whole amount in the same notation.
    #[must_use]
    pub fn with_value(&self, value: i64) -> Self {
        Self::from_amount(i128::from(value) * NANO, self.amount().notation)
    }

    /// As the API server writes it: the largest suffix that needs no fraction.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match Amount::parse(&self.text()) {
            Ok(amount) => Self(Written::Text(amount.canonical())),
            Err(_) => self.clone(),
        }
    }
}

impl Amount {
    fn parse(text: &str) -> Result<Self, QuantityError> {
        let (negative, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(QuantityError::Format);
        }
        let (multiplier, exponent, notation) = scale(suffix)?;
        let nanos = to_nanos(whole, fraction, multiplier, exponent);
        Ok(Self { nanos: if negative { -nanos } else { nanos }, notation })
    }

    fn canonical(self) -> String {
        let small = self.nanos.abs() < 1024 * NANO;
        match self.notation {
            Notation::Binary if !small && self.nanos % NANO == 0 => {
                let (mantissa, power) = reduce(self.nanos / NANO, 1024, 6);
                format!("{mantissa}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power])
            }
            Notation::Exponent => {
                let (mantissa, power) = reduce(self.nanos, 1000, 9);
                match i32::try_from(power).unwrap_or(0) * 3 - 9 {
                    0 => mantissa.to_string(),
                    exponent => format!("{mantissa}e{exponent}"),
                }
            }
            Notation::Binary | Notation::Decimal => {
                let (mantissa, power) = reduce(self.nanos, 1000, 9);
                format!("{mantissa}{}", ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][power])
            }
        }
    }
}

/// Divides by `base` as often as no remainder is left, at most `most` times; zero is written without a suffix.
fn reduce(value: i128, base: i128, most: usize) -> (i128, usize) {
    if value == 0 {
        return (0, if base == 1000 { 3 } else { 0 });
    }
    let (mut mantissa, mut power) = (value, 0);
    while power < most && mantissa % base == 0 {
        mantissa /= base;
        power += 1;
    }
    (mantissa, power)
}

/// What a suffix multiplies by: a factor and a power of ten.
fn scale(suffix: &str) -> Result<(i128, i32, Notation), QuantityError> {
    let binary = |power: u32| Ok((1024_i128.pow(power), 0, Notation::Binary));
    let decimal = |exponent: i32| Ok((1, exponent, Notation::Decimal));
    match suffix {
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Suffix)?;
            let exponent = exponent.parse().map_err(|_| QuantityError::Suffix)?;
            Ok((1, exponent, Notation::Exponent))
        }
    }
}

/// The billionths of `whole.fraction` times `multiplier` times ten to the `exponent`, rounded up, at most [`MAX`].
fn to_nanos(whole: &str, fraction: &str, multiplier: i128, exponent: i32) -> i128 {
    let digits: String = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return 0;
    }
    let Ok(mantissa) = digits.parse::<i128>() else { return MAX };
    let Some(mantissa) = mantissa.checked_mul(multiplier) else { return MAX };
    let shift = exponent.saturating_add(9).saturating_sub(i32::try_from(fraction.len()).unwrap_or(i32::MAX));
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    match (shift >= 0, power) {
        (true, Some(power)) => mantissa.checked_mul(power).map_or(MAX, |nanos| nanos.min(MAX)),
        (true, None) => MAX,
        (false, Some(power)) => div_up(mantissa, power).min(MAX),
        (false, None) => 1,
    }
}

/// Division that rounds away from zero.
fn div_up(value: i128, by: i128) -> i128 {
    let quotient = value / by;
    if value % by == 0 { quotient } else { quotient + value.signum() }
}

impl Default for Quantity {
    fn default() -> Self {
        Self(Written::Text("0".to_owned()))
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(Written::Text(text.to_owned()))
    }
}

/// Quantities are equal when their amount is, however they are written; what is no quantity, when its text is.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        match (Amount::parse(&self.text()), Amount::parse(&other.text())) {
            (Ok(one), Ok(other)) => one.nanos == other.nanos,
            _ => self.text() == other.text(),
        }
    }
}

impl Quantity {
    /// Compares amounts, however they are written.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.amount().nanos.cmp(&other.amount().nanos)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "pattern": PATTERN,
            "x-kubernetes-int-or-string": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_written_canonically_with_the_largest_suffix_that_needs_no_fraction() {
        for (text, canonical) in [
            ("1024Mi", "1Gi"),
            ("1000M", "1G"),
            ("1024M", "1024M"),
            ("0", "0"),
            ("0Mi", "0"),
            ("512", "512"),
            ("2048", "2048"),
            ("0.5Gi", "512Mi"),
            ("1.5", "1500m"),
            ("0.5Ki", "512"),
            ("100m", "100m"),
            ("1e3", "1e3"),
            ("-64Mi", "-64Mi"),
            ("+1Ki", "1Ki"),
            ("1000n", "1u"),
            (".5", "500m"),
        ] {
            assert_eq!(Quantity::from(text).canonical().text(), canonical, "{text}");
        }
    }

    #[test]
    fn amounts_are_compared_whatever_their_notation() {
        assert_eq!(Quantity::from("1Ki").compare(&Quantity::from("1024")), Ordering::Equal);
        assert_eq!(Quantity::from("1M").compare(&Quantity::from("1Mi")), Ordering::Less);
        assert_eq!(Quantity::from("1500m").value(), 2);
        assert_eq!(Quantity::from("-1500m").value(), -2);
        assert_eq!(Quantity::from("1.5").milli_value(), 1500);
        assert_eq!(Quantity::from("1024Mi"), Quantity::from("1Gi"));
        assert_ne!(Quantity::from("1G"), Quantity::from("1Gi"));
        assert_ne!(Quantity::from("none"), Quantity::from("0"));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "abc", "1.2.3", "1 Gi", "Gi", "1g", "1e", "-", "1KiB"] {
            assert!(Quantity::from(text).check().is_err(), "{text}");
        }
    }

    #[test]
    fn the_text_stays_as_it_was_read() {
        for json in ["\"1024Mi\"", "\"01\"", "2", "1.5"] {
            let quantity: Quantity = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&quantity).unwrap(), json);
        }
    }

    #[test]
    fn huge_and_tiny_quantities_saturate() {
        assert_eq!(Quantity::from("1e400").value(), i64::MAX);
        assert_eq!(Quantity::from("99999999999999999999999999999999999999999999Ei").value(), i64::MAX);
        assert_eq!(Quantity::from("1e-400").value(), 1);
    }
}
