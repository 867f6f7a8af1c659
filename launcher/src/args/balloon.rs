//! `--balloon on|[size=SIZE][,stats=SECONDS]`.

use super::memory_size::MemorySize;
use std::str::FromStr;
use thiserror::Error;

/// The balloon as the command line gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BalloonArg {
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) statistics_seconds: u32,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum BalloonArgError {
    #[error("{0:?} is not known: write on, or size=SIZE, stats=SECONDS, or both")]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("size={0:?} is no size: write bytes, or a number with Ki, Mi, Gi")]
    Size(String),
    #[error("stats={0:?} is no number of seconds")]
    Seconds(String),
}

impl FromStr for BalloonArg {
    type Err = BalloonArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "on" {
            return Ok(Self::default());
        }
        let (mut size, mut seconds) = (None, None);
        for part in text.split(',') {
            let (key, twice) = match part.split_once('=') {
                Some(("size", value)) => {
                    let bytes = value.parse::<MemorySize>().map_err(|_| BalloonArgError::Size(value.into()))?;
                    ("size", size.replace(bytes.0).is_some())
                }
                Some(("stats", value)) => {
                    let number = value.parse().map_err(|_| BalloonArgError::Seconds(value.into()))?;
                    ("stats", seconds.replace(number).is_some())
                }
                _ => return Err(BalloonArgError::Unknown(part.into())),
            };
            if twice {
                return Err(BalloonArgError::Twice(key));
            }
        }
        Ok(Self { size: size.unwrap_or(0), statistics_seconds: seconds.unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balloon_has_a_size_and_an_interval_if_they_are_given() {
        let cases = [
            ("on", BalloonArg::default()),
            ("size=1Mi", BalloonArg { size: 1 << 20, statistics_seconds: 0 }),
            ("stats=10,size=4096", BalloonArg { size: 4096, statistics_seconds: 10 }),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let cases = [
            ("", BalloonArgError::Unknown(String::new())),
            ("off", BalloonArgError::Unknown("off".into())),
            ("size=", BalloonArgError::Size(String::new())),
            ("size=1Mi,size=2Mi", BalloonArgError::Twice("size")),
            ("stats=-1", BalloonArgError::Seconds("-1".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<BalloonArg>(), Err(error), "{text:?}");
        }
    }
}
