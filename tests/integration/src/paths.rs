//! Where things lie below the workspace.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The manifest of the bare-metal test guest, a workspace of its own.
pub fn guest_manifest() -> PathBuf {
    workspace().join("tests/integration/guest/Cargo.toml")
}

/// Where the test guest is built.
pub fn guest_target() -> PathBuf {
    target().join("guest")
}
