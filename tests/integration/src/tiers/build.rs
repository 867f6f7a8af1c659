//! Builds what the tests need, once: the test binaries, the launcher, the test guest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::options::Options;
use super::tier::Tier;
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

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds what the chosen tiers need.
pub(super) fn build(options: &Options) -> Result<Built> {
    let manifest = paths::workspace().join("Cargo.toml");
    let tests = cargo(&["test", "--workspace", "--no-run"], &manifest, None)?;
    let binaries = tests.iter().filter_map(test_binary).collect();
    let machines = options.tiers.iter().any(|tier| *tier != Tier::Unit);
    let programs = if machines { cargo(&["build", "--workspace", "--bins"], &manifest, None)? } else { Vec::new() };
    let launcher = executable(&programs, "launcher");
    let guest_manifest = paths::guest_manifest();
    let guest = if machines && guest_manifest.exists() {
        let messages = cargo(&["build", "--release"], &guest_manifest, Some(&paths::guest_target()))?;
        messages.into_iter().find_map(|message| message.executable)
    } else {
        None
    };
    Ok(Built { binaries, launcher, guest })
}

/// Runs cargo, whose own messages go to stderr, and returns the artifacts it reports.
fn cargo(arguments: &[&str], manifest: &Path, target: Option<&Path>) -> Result<Vec<Message>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The guest's flags stand in a configuration of its own, which cargo finds from the directory it runs in.
    command.args(arguments).current_dir(manifest.parent().context("A manifest without a directory")?);
    command.arg("--message-format=json-render-diagnostics").arg("--manifest-path").arg(manifest);
    if let Some(target) = target {
        command.arg("--target-dir").arg(target);
    }
    let output = command.stderr(Stdio::inherit()).output().context("Cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo {} failed ({}): see its messages above", arguments.join(" "), output.status);
    }
    parse_messages(&String::from_utf8_lossy(&output.stdout))
}

fn parse_messages(text: &str) -> Result<Vec<Message>> {
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Message>(line).context("Cannot understand cargo's message"))
        .filter(|message| message.as_ref().map_or(true, |message| message.reason == "compiler-artifact"))
        .collect()
}

fn test_binary(message: &Message) -> Option<TestBinary> {
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

fn executable(messages: &[Message], name: &str) -> Option<PathBuf> {
    messages
        .iter()
        .find(|message| {
            message.target.as_ref().is_some_and(|target| target.name == name) && message.executable.is_some()
        })
        .and_then(|message| message.executable.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

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
        let messages = parse_messages(MESSAGES).unwrap();
        let binaries: Vec<_> = messages.iter().filter_map(test_binary).collect();
        assert_eq!(binaries.len(), 2);
        assert_eq!((binaries[0].name.as_str(), binaries[0].tier), ("vmm", None));
        assert_eq!(binaries[0].directory, Path::new("/w/vmm"));
        assert_eq!(binaries[1].tier, Some(Tier::Nested));
    }
}
