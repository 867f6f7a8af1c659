//! `--io-threads auto|shared|pool:N`.

use std::str::FromStr;
use thiserror::Error;
use vmm::{IoThreadsConfig, IoThreadsPolicy};

/// Which threads serve disks and networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoThreadsArg {
    policy: IoThreadsPolicy,
    count: Option<u16>,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum IoThreadsArgError {
    #[error("{0:?} is no way to share threads: write auto, shared, or pool:N, as in pool:4")]
    Unknown(String),
    #[error("{0:?} is no number of threads: write pool:N, as in pool:4")]
    Count(String),
}

impl IoThreadsArg {
    /// Puts it over what the file says.
    pub(crate) fn apply(self, config: &mut IoThreadsConfig) {
        config.policy = self.policy;
        config.count = self.count;
    }
}

impl FromStr for IoThreadsArg {
    type Err = IoThreadsArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of = |policy| Ok(Self { policy, count: None });
        match (text, text.strip_prefix("pool:")) {
            ("auto", _) => of(IoThreadsPolicy::Auto),
            ("shared", _) => of(IoThreadsPolicy::Shared),
            (_, Some(count)) => {
                let number = count.parse().map_err(|_| IoThreadsArgError::Count(count.into()))?;
                Ok(Self { policy: IoThreadsPolicy::Pool, count: Some(number) })
            }
            _ => Err(IoThreadsArgError::Unknown(text.into())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_replaces_the_files_and_leaves_the_rest() {
        let mut config = IoThreadsConfig { io_uring: false, ..IoThreadsConfig::default() };
        for (text, policy, count) in [
            ("pool:3", IoThreadsPolicy::Pool, Some(3)),
            ("shared", IoThreadsPolicy::Shared, None),
            ("auto", IoThreadsPolicy::Auto, None),
        ] {
            text.parse::<IoThreadsArg>().unwrap().apply(&mut config);
            assert_eq!(config, IoThreadsConfig { policy, count, io_uring: false }, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_there_is() {
        assert_eq!("pool".parse::<IoThreadsArg>(), Err(IoThreadsArgError::Unknown("pool".into())));
        assert_eq!("pool:".parse::<IoThreadsArg>(), Err(IoThreadsArgError::Count("".into())));
        assert_eq!("pool:-1".parse::<IoThreadsArg>(), Err(IoThreadsArgError::Count("-1".into())));
    }
}
