//! `tests/expected.toml`: how many tests each tier runs at least.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::tier::Tier;
use crate::paths;

/// The fewest tests that each tier runs on a machine that has everything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    unit: usize,
    native: usize,
    nested: usize,
    golden: usize,
}

impl Expected {
    /// The fewest tests of `tier`.
    pub(super) fn minimum(&self, tier: Tier) -> usize {
        match tier {
            Tier::Unit => self.unit,
            Tier::Native => self.native,
            Tier::Nested => self.nested,
            Tier::Golden => self.golden,
        }
    }
}

/// Reads the file.
pub(super) fn load() -> Result<Expected> {
    let path = paths::workspace().join("tests/expected.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("Cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("Cannot understand {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_file_in_the_tree_is_understood() {
        let expected = load().unwrap();
        assert!(Tier::ALL.iter().all(|tier| expected.minimum(*tier) > 0));
    }
}
