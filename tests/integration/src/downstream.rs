//! The program of somebody else (`tests/integration/downstream`): a crate outside the workspace that depends on `vmm`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{cargo, paths};

/// Builds it, with the workspace's versions of what both use, and without a warning; where it lies.
///
/// # Errors
/// `vmm` does not publish what it uses.
pub fn build() -> Result<PathBuf> {
    let directory = paths::workspace().join("tests/integration/downstream");
    // Cargo takes away what is not used.
    fs::copy(paths::workspace().join("Cargo.lock"), directory.join("Cargo.lock")).context("Cannot copy Cargo.lock")?;
    let built = cargo::run_in(&["build", "--offline"], &directory.join("Cargo.toml"), Some(&paths::target()))?;
    cargo::executable(&built, "downstream").context("cargo built no program")
}
