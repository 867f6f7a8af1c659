//! What a plain text means, by the rules of YAML 1.1 as Kubernetes' tools have them.

use serde_json::{Number, Value};

use super::ManifestError;

/// The value of a text; `is_plain` when it is not quoted and no block.
pub(super) fn resolve(text: &str, is_plain: bool, tag: Option<&str>) -> Result<Value, ManifestError> {
    let plain = || guess(text).ok_or_else(|| ManifestError::NotFinite(text.to_owned()));
    match tag {
        None if is_plain => plain(),
        None => Ok(Value::String(text.to_owned())),
        // Bytes that JSON cannot have: manifests have them as texts in base 64.
        Some("binary") => Err(wrong(text, "binary")),
        Some(tag @ ("null" | "bool" | "int" | "float")) => {
            let value = plain()?;
            let is_meant = match tag {
                "null" => value.is_null(),
                "bool" => value.is_boolean(),
                "int" => value.is_i64() || value.is_u64(),
                _ => value.is_number(),
            };
            if is_meant { Ok(value) } else { Err(wrong(text, tag)) }
        }
        // Other tags, also those of an application, mean a text.
        Some(_) => Ok(Value::String(text.to_owned())),
    }
}

fn wrong(text: &str, tag: &str) -> ManifestError {
    ManifestError::Tag { text: text.to_owned(), tag: tag.to_owned() }
}

/// A key as JSON has it; nothing for one that JSON cannot have.
pub(super) fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The value that a plain text looks like; nothing for infinity and not-a-number.
fn guess(text: &str) -> Option<Value> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return None,
        _ if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") => return None,
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    };
    Some(value)
}

fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    if text.starts_with('.') {
        return float(text);
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

/// An integer: decimal, or `0x`, `0b`, `0o`, or octal with nothing but a zero before.
fn integer(text: &str) -> Option<Value> {
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (base, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some(start) if start.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // A sign behind the base is none.
    if !digits.starts_with(|first: char| first.is_digit(base)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if is_negative { i64::try_from(-i128::from(magnitude)).ok().map(Value::from) } else { Some(Value::from(magnitude)) }
}

/// A decimal fraction. One without a fractional part is an integer: JSON knows one type of number.
fn float(text: &str) -> Option<Value> {
    let is_float = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E'));
    let value: f64 = if is_float { text.parse().ok().filter(|value: &f64| value.is_finite())? } else { return None };
    // Written without an exponent, as long as all digits of an integer are told.
    if value.fract() == 0.0
        && let Ok(value) = format!("{value:.0}").parse::<i64>()
    {
        return Some(Value::from(value));
    }
    Number::from_f64(value).map(Value::Number)
}
