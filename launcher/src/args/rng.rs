//! `--rng bytes=N[,burst=N]`.

use std::str::FromStr;
use thiserror::Error;
use vmm::Rate;

/// The entropy device's limit as the command line gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RngArg(pub(crate) Rate);

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum RngArgError {
    #[error("{0:?} is not known: write bytes=N[,burst=N]")]
    Unknown(String),
    #[error("bytes= is missing: write bytes=N[,burst=N]")]
    Missing,
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("{0:?} is no number of bytes above 0")]
    Number(String),
}

impl FromStr for RngArg {
    type Err = RngArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut bytes, mut burst) = (None, None);
        for part in text.split(',') {
            let (key, place, value) = match part.split_once('=') {
                Some(("bytes", value)) => ("bytes", &mut bytes, value),
                Some(("burst", value)) => ("burst", &mut burst, value),
                _ => return Err(RngArgError::Unknown(part.into())),
            };
            let number = value.parse::<u64>().ok().filter(|number| *number > 0);
            if place.replace(number.ok_or_else(|| RngArgError::Number(value.into()))?).is_some() {
                return Err(RngArgError::Twice(key));
            }
        }
        let per_second = bytes.ok_or(RngArgError::Missing)?;
        Ok(Self(Rate { per_second, burst: burst.unwrap_or(per_second) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_rate_and_a_burst_of_one_second_unless_another_is_given() {
        assert_eq!("bytes=1000".parse(), Ok(RngArg(Rate { per_second: 1000, burst: 1000 })));
        assert_eq!("burst=64,bytes=1000".parse(), Ok(RngArg(Rate { per_second: 1000, burst: 64 })));
        let cases = [
            ("", RngArgError::Unknown(String::new())),
            ("burst=5", RngArgError::Missing),
            ("bytes=5,bytes=6", RngArgError::Twice("bytes")),
            ("bytes=0", RngArgError::Number("0".into())),
            ("bytes=1k", RngArgError::Number("1k".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<RngArg>(), Err(error), "{text:?}");
        }
    }
}
