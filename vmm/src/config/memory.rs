//! Guest RAM.

use serde::{Deserialize, Serialize};

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
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { boot: 512 << 20, max: None, backing: Backing::default() }
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
}
