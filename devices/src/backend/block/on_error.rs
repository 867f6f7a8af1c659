//! What happens when the host fails an operation.

use serde::{Deserialize, Serialize};
use std::io;

/// What a disk does when the host fails an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnError {
    /// The guest is told.
    #[default]
    Report,
    /// The machine is paused, and the operation is tried again when it goes on.
    Stop,
    /// As `stop` where the host has no space left, which somebody can change; else as `report`.
    Enospace,
    /// The guest is told of a success: what was to be written is lost, what was to be read is whatever the buffer held.
    Ignore,
}

/// What becomes of a failed operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Report,
    Park,
    Succeed,
}

impl OnError {
    pub(super) fn verdict(self, error: &io::Error) -> Verdict {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        match self {
            Self::Stop => Verdict::Park,
            Self::Enospace if full => Verdict::Park,
            Self::Report | Self::Enospace => Verdict::Report,
            Self::Ignore => Verdict::Succeed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_the_error_decide() {
        let error = io::Error::from_raw_os_error;
        let (full, quota, broken) = (error(libc::ENOSPC), error(libc::EDQUOT), error(libc::EIO));
        for (policy, on_full, on_broken) in [
            (OnError::Report, Verdict::Report, Verdict::Report),
            (OnError::Stop, Verdict::Park, Verdict::Park),
            (OnError::Enospace, Verdict::Park, Verdict::Report),
            (OnError::Ignore, Verdict::Succeed, Verdict::Succeed),
        ] {
            assert_eq!((policy.verdict(&full), policy.verdict(&quota)), (on_full, on_full), "{policy:?}");
            assert_eq!(policy.verdict(&broken), on_broken, "{policy:?}");
        }
    }
}
