//! An amount of memory on the command line, written as Kubernetes writes quantities.

use std::str::FromStr;
use thiserror::Error;

/// A number of bytes: `536870912`, `512Mi`, `1Gi`; also the decimal `k`, `M`, `G`, `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemorySize(pub(crate) u64);

/// Why a text is no amount of memory.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum MemorySizeError {
    #[error(
        "write a whole number of bytes, or one with a unit: Ki, Mi, Gi, Ti (powers of 1024) or k, M, G, T (of 1000)"
    )]
    Malformed,
    #[error("that is more than 64 bits can count")]
    TooLarge,
}

const UNITS: &[(&str, u64)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = UNITS.iter().find_map(|&(suffix, unit)| text.strip_suffix(suffix).map(|digits| (digits, unit)));
        let (digits, unit) = split.unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MemorySizeError::Malformed);
        }
        // Only digits are left, so that the one thing that can be wrong is their number.
        let number: u64 = digits.parse().map_err(|_| MemorySizeError::TooLarge)?;
        number.checked_mul(unit).map(Self).ok_or(MemorySizeError::TooLarge)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("1Ki", 1024),
            ("512Mi", 536_870_912),
            ("1Gi", 1_073_741_824),
            ("2Ti", 2_199_023_255_552),
            ("1k", 1000),
            ("128M", 128_000_000),
            ("3G", 3_000_000_000),
            ("1T", 1_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse::<MemorySize>().unwrap(), MemorySize(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "Mi", "-1", "+1", "1.5Gi", "1 Gi", "512MB", "512mi", "512 ", "0x1000", "1GiB", "٣Mi"] {
            assert_eq!(text.parse::<MemorySize>(), Err(MemorySizeError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn what_64_bits_cannot_count_is_refused() {
        for text in ["18446744073709551616", "16777216Ti", "99999999999999999999999"] {
            assert_eq!(text.parse::<MemorySize>(), Err(MemorySizeError::TooLarge), "{text}");
        }
    }
}
