//! `--memory SIZE[,hugepages=2Mi|1Gi][,shared][,thp=auto|on|off]`.

use crate::args::memory_size::{MemorySize, MemorySizeError};
use std::str::FromStr;
use thiserror::Error;
use vmm::{Backing, HugePageSize, MemoryConfig, TransparentHugePages};

/// The RAM as the command line gives it; what is left out stays as the configuration file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryArg {
    pub(crate) size: MemorySize,
    backing: Option<Backing>,
    transparent_huge_pages: Option<TransparentHugePages>,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum MemoryArgError {
    #[error(transparent)]
    Size(#[from] MemorySizeError),
    #[error("{0:?} is not known: after the size come hugepages=2Mi|1Gi, shared and thp=auto|on|off")]
    UnknownKey(String),
    #[error("hugepages={0:?} is no size of huge pages: it is 2Mi or 1Gi")]
    HugePages(String),
    #[error("thp={0:?} is none of auto, on and off")]
    Transparent(String),
    #[error("{0} is given twice, or beside what it excludes (hugepages= is shared)")]
    Twice(&'static str),
}

impl MemoryArg {
    /// Puts it over what the file says.
    pub(crate) fn apply(&self, memory: &mut MemoryConfig) {
        memory.boot = self.size.0;
        memory.backing = self.backing.unwrap_or(memory.backing);
        memory.transparent_huge_pages = self.transparent_huge_pages.unwrap_or(memory.transparent_huge_pages);
    }
}

impl FromStr for MemoryArg {
    type Err = MemoryArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',');
        let size = parts.next().unwrap_or_default().parse()?;
        let (mut backing, mut transparent_huge_pages) = (None, None);
        for part in parts {
            let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
            let twice = match (key, value) {
                ("shared", None) => backing.replace(Backing::Memfd).is_some().then_some("shared"),
                ("hugepages", Some(value)) => {
                    let page = huge_page_size(value)?;
                    backing.replace(Backing::Hugetlb(page)).is_some().then_some("hugepages=")
                }
                ("thp", Some(value)) => transparent_huge_pages.replace(transparent(value)?).is_some().then_some("thp="),
                _ => return Err(MemoryArgError::UnknownKey(part.into())),
            };
            if let Some(key) = twice {
                return Err(MemoryArgError::Twice(key));
            }
        }
        Ok(Self { size, backing, transparent_huge_pages })
    }
}

fn huge_page_size(value: &str) -> Result<HugePageSize, MemoryArgError> {
    match value {
        "2Mi" => Ok(HugePageSize::Size2Mi),
        "1Gi" => Ok(HugePageSize::Size1Gi),
        other => Err(MemoryArgError::HugePages(other.into())),
    }
}

fn transparent(value: &str) -> Result<TransparentHugePages, MemoryArgError> {
    match value {
        "auto" => Ok(TransparentHugePages::Auto),
        "on" => Ok(TransparentHugePages::On),
        "off" => Ok(TransparentHugePages::Off),
        other => Err(MemoryArgError::Transparent(other.into())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn over_a_file(text: &str) -> MemoryConfig {
        let mut memory = MemoryConfig { boot: 1, max: Some(7), ..MemoryConfig::default() };
        memory.transparent_huge_pages = TransparentHugePages::On;
        text.parse::<MemoryArg>().unwrap().apply(&mut memory);
        memory
    }

    #[test]
    fn what_is_given_stands_over_the_file_and_the_rest_stays() {
        let file = MemoryConfig {
            boot: 1 << 30,
            max: Some(7),
            transparent_huge_pages: TransparentHugePages::On,
            ..MemoryConfig::default()
        };
        assert_eq!(over_a_file("1Gi"), file);
        assert_eq!(over_a_file("1Gi,shared").backing, Backing::Memfd);
        assert_eq!(over_a_file("1Gi,hugepages=2Mi").backing, Backing::Hugetlb(HugePageSize::Size2Mi));
        assert_eq!(over_a_file("1Gi,hugepages=1Gi").backing, Backing::Hugetlb(HugePageSize::Size1Gi));
        assert_eq!(over_a_file("1Gi,thp=off").transparent_huge_pages, TransparentHugePages::Off);
        assert_eq!(over_a_file("1Gi,thp=auto,shared").transparent_huge_pages, TransparentHugePages::Auto);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        use MemoryArgError::{HugePages, Size, Transparent, Twice, UnknownKey};
        let cases = [
            ("", Size(MemorySizeError::Malformed)),
            ("1Gi,", UnknownKey(String::new())),
            ("1Gi,shared=yes", UnknownKey("shared=yes".into())),
            ("1Gi,hugepages", UnknownKey("hugepages".into())),
            ("1Gi,hugepages=4Mi", HugePages("4Mi".into())),
            ("1Gi,thp=always", Transparent("always".into())),
            ("1Gi,thp=on,thp=on", Twice("thp=")),
            ("1Gi,shared,hugepages=2Mi", Twice("hugepages=")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<MemoryArg>(), Err(error), "{text:?}");
        }
    }
}
