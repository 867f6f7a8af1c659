//! Guest RAM.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How much RAM there is, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryConfig {
    /// Bytes present at the start: a multiple of 4096, at least 16 MiB.
    pub boot: u64,
    /// Bytes that may be present later (hotplug); at least `boot`. Absent: `boot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// What the host provides it from.
    #[serde(default)]
    pub backing: Backing,
    /// Whether the host's kernel may put huge pages behind it by itself. Without meaning for [`Backing::Hugetlb`].
    #[serde(default)]
    pub transparent_huge_pages: TransparentHugePages,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            boot: 512 << 20,
            max: None,
            backing: Backing::default(),
            transparent_huge_pages: TransparentHugePages::default(),
        }
    }
}

/// Where the pages of guest RAM come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Backing {
    /// Private anonymous memory: the fastest start.
    #[default]
    Anonymous,
    /// A sealed memfd, mapped shared, so that other processes (vhost-user) can map it too.
    Memfd,
    /// A sealed memfd of huge pages that the host has reserved. All of them are taken when the machine is built, so that
    /// a guest never touches a page that is not there; none is given back before the machine ends.
    Hugetlb(HugePageSize),
}

/// The huge pages that x86-64 hosts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HugePageSize {
    /// 2 MiB.
    #[serde(rename = "2Mi")]
    Size2Mi,
    /// 1 GiB.
    #[serde(rename = "1Gi")]
    Size1Gi,
}

impl HugePageSize {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Size2Mi => 2 << 20,
            Self::Size1Gi => 1 << 30,
        }
    }
}

impl fmt::Display for HugePageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size2Mi => "2 MiB",
            Self::Size1Gi => "1 GiB",
        })
    }
}

/// Transparent huge pages (the host's documentation, `admin-guide/mm/transhuge`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransparentHugePages {
    /// As the host's administrator has chosen for all programs.
    #[default]
    Auto,
    /// Asked for, where the host leaves the choice to programs.
    On,
    /// Refused: the guest's memory grows by single pages.
    Off,
}
