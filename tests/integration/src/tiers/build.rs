//! Builds what the tests need, once: the test binaries, the launcher, the test guest.

use std::path::PathBuf;

use anyhow::Result;

use super::options::Options;
use super::tier::Tier;
use crate::cargo::{self, Artifact};
use crate::paths;

/// A test binary.
#[derive(Clone, Debug)]
pub(super) struct TestBinary {
    /// Its crate or test file.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The directory of its package, in which cargo too runs it.
    pub(super) directory: PathBuf,
    /// The tier of all its tests, or `None` for a crate's own, whose modules tell.
    pub(super) tier: Option<Tier>,
}

/// What was built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) binaries: Vec<TestBinary>,
    pub(super) launcher: Option<PathBuf>,
    /// Absent where its sources are.
    pub(super) guest: Option<PathBuf>,
}

/// Builds what the chosen tiers need.
pub(super) fn build(options: &Options) -> Result<Built> {
    let tests = cargo::run(&["test", "--workspace", "--no-run"])?;
    let binaries = tests.iter().filter_map(test_binary).collect();
    let machines = options.tiers.iter().any(|tier| !matches!(tier, Tier::Unit | Tier::Golden));
    let programs = if machines { cargo::run(&["build", "--workspace", "--bins"])? } else { Vec::new() };
    let launcher = cargo::executable(&programs, "launcher");
    let guest = (machines && paths::guest_manifest().exists()).then(cargo::test_guest).transpose()?;
    Ok(Built { binaries, launcher, guest })
}

fn test_binary(message: &Artifact) -> Option<TestBinary> {
    let target = message.target.as_ref()?;
    if !message.profile.as_ref()?.test {
        return None;
    }
    let tier = target.kind.iter().any(|kind| kind == "test").then(|| Tier::of_binary(&target.name));
    Some(TestBinary {
        name: target.name.clone(),
        path: message.executable.clone()?,
        directory: message.manifest_path.as_ref()?.parent()?.to_path_buf(),
        tier,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    const MESSAGES: &str = r#"
{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","manifest_path":"/w/vmm/Cargo.toml","target":{"kind":["lib"],"name":"vmm"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/vmm/Cargo.toml","target":{"kind":["lib"],"name":"vmm"},"profile":{"test":true},"executable":"/w/target/debug/deps/vmm-1"}
{"reason":"compiler-artifact","manifest_path":"/w/tests/integration/Cargo.toml","target":{"kind":["test"],"name":"nested_linux"},"profile":{"test":true},"executable":"/w/target/debug/deps/nested_linux-1"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn test_binaries_are_told_from_other_artifacts() {
        let messages = cargo::parse(MESSAGES).unwrap();
        let binaries: Vec<_> = messages.iter().filter_map(test_binary).collect();
        assert_eq!(binaries.len(), 2);
        assert_eq!((binaries[0].name.as_str(), binaries[0].tier), ("vmm", None));
        assert_eq!(binaries[0].directory, Path::new("/w/vmm"));
        assert_eq!(binaries[1].tier, Some(Tier::Nested));
    }
}
