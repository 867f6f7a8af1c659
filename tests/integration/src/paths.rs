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

/// The launcher: the one that the runner has built, or else cargo's.
///
/// # Panics
/// It was not built.
pub fn launcher() -> PathBuf {
    let path = env::var_os("PODVISOR_LAUNCHER").map_or_else(|| target().join("debug/launcher"), PathBuf::from);
    assert!(path.exists(), "{} is missing: run cargo build -p launcher, or make test", path.display());
    path
}

/// The example `name` of the library, which `cargo test` builds with the tests.
///
/// # Panics
/// It was not built.
pub fn example(name: &str) -> PathBuf {
    let path = target().join("debug/examples").join(name);
    assert!(path.exists(), "{} is missing: run cargo build -p vmm --examples, or make test", path.display());
    path
}

/// The manifest of the bare-metal test guest, a workspace of its own.
pub fn guest_manifest() -> PathBuf {
    workspace().join("tests/integration/guest/Cargo.toml")
}

/// Where the test guest is built.
pub fn guest_target() -> PathBuf {
    target().join("guest")
}

/// The environment variable that names the directory of upstream's data.
pub const REFERENCE: &str = "KUBEVIRT_REFERENCE";

/// What upstream's API server has and answered, which is not part of the project, where this machine has it.
pub fn reference() -> Option<PathBuf> {
    let beside = ["../shared", "../../shared"].map(|shared| workspace().join(shared).join("reference/kubevirt"));
    let found = env::var_os(REFERENCE).map(PathBuf::from).into_iter().chain(beside);
    found.into_iter().find(|directory| directory.join("crds").is_dir())
}
