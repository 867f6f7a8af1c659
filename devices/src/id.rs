//! The name of a device: stable across restarts, restores and migrations.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one device of a machine, for example `disk0`, `rng0` or `serial0`.
///
/// The configuration gives the ids of disks; the board gives the ids of its own devices. Resources, state
/// sections, events and log lines all carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    /// Makes an id of `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DeviceId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for DeviceId {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
