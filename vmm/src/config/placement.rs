//! Which CPUs of the host a machine's threads run on.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The highest number of CPUs that Linux is built for.
const MAX_HOST_CPUS: u32 = 8192;

/// Where the threads of a machine run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuPlacement {
    /// The host CPUs of vCPUs, by their index. Those that are not named run where the program runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vcpus: BTreeMap<u32, HostCpus>,
    /// The host CPUs of all other threads: workers, the event loop, the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<HostCpus>,
}

/// Some CPUs of the host, at least one; written as the kernel writes them: `0-3,8` (cpuset(7), list format).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostCpus(BTreeSet<u32>);

/// Why a text is no list of CPUs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HostCpusError {
    /// Not numbers and ranges.
    #[error("{0:?} is no list of host CPUs: write numbers and ranges, such as 0-3,8")]
    Malformed(String),
    /// No kernel has it.
    #[error("{0} is no host CPU: Linux has at most {MAX_HOST_CPUS}")]
    TooHigh(u32),
}

impl HostCpus {
    /// The CPUs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }
}

impl FromStr for HostCpus {
    type Err = HostCpusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || HostCpusError::Malformed(text.to_owned());
        let number = |digits: &str| match digits.parse::<u32>() {
            Ok(cpu) if cpu >= MAX_HOST_CPUS => Err(HostCpusError::TooHigh(cpu)),
            Ok(cpu) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(cpu),
            _ => Err(malformed()),
        };
        let mut cpus = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(malformed());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for HostCpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl TryFrom<String> for HostCpus {
    type Error = HostCpusError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostCpus> for String {
    fn from(cpus: HostCpus) -> Self {
        cpus.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        for (text, cpus, written) in [
            ("0", vec![0], "0"),
            ("3,1", vec![1, 3], "1,3"),
            ("0-3,8", vec![0, 1, 2, 3, 8], "0-3,8"),
            ("2-2,3,4-5,8191", vec![2, 3, 4, 5, 8191], "2-5,8191"),
        ] {
            let read: HostCpus = text.parse().unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), cpus, "{text}");
            assert_eq!(read.to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", ",", "1,", "-1", "3-1", "a", "0-", "+1", " 1", "1-2-3", "0x1", "99999999999"] {
            assert_eq!(text.parse::<HostCpus>(), Err(HostCpusError::Malformed(text.into())), "{text:?}");
        }
        assert_eq!("0-8192".parse::<HostCpus>(), Err(HostCpusError::TooHigh(8192)));
    }

    proptest! {
        #[test]
        fn every_set_is_read_back_as_it_is_written(cpus in proptest::collection::btree_set(0..MAX_HOST_CPUS, 1..20)) {
            let cpus = HostCpus(cpus);
            prop_assert_eq!(cpus.to_string().parse(), Ok(cpus));
        }
    }
}
