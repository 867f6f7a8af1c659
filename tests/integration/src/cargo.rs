//! Builds our programs by cargo, and tells where they lie.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::paths;

/// What cargo says about a thing that it has built.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    reason: String,
    pub(crate) manifest_path: Option<PathBuf>,
    pub(crate) target: Option<Target>,
    pub(crate) profile: Option<Profile>,
    pub(crate) executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    pub(crate) test: bool,
}

/// Runs cargo in the workspace; its own messages go to stderr.
pub(crate) fn run(arguments: &[&str]) -> Result<Vec<Artifact>> {
    run_in(arguments, &paths::workspace().join("Cargo.toml"), None)
}

/// Builds the launcher.
pub(crate) fn launcher() -> Result<PathBuf> {
    let built = run(&["build", "--package", "launcher", "--bins"])?;
    executable(&built, "launcher").context("cargo built no launcher")
}

/// Builds the test guest.
pub(crate) fn test_guest() -> Result<PathBuf> {
    let built = run_in(&["build", "--release"], &paths::guest_manifest(), Some(&paths::guest_target()))?;
    built.into_iter().find_map(|artifact| artifact.executable).context("cargo built no test guest")
}

/// The program `name` among what was built.
pub(crate) fn executable(built: &[Artifact], name: &str) -> Option<PathBuf> {
    built
        .iter()
        .find(|artifact| {
            artifact.target.as_ref().is_some_and(|target| target.name == name) && artifact.executable.is_some()
        })
        .and_then(|artifact| artifact.executable.clone())
}

/// Runs cargo for the workspace of `manifest`.
pub(crate) fn run_in(arguments: &[&str], manifest: &Path, target: Option<&Path>) -> Result<Vec<Artifact>> {
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
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// The artifacts among cargo's messages.
pub(crate) fn parse(text: &str) -> Result<Vec<Artifact>> {
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Artifact>(line).context("Cannot understand cargo's message"))
        .filter(|message| message.as_ref().map_or(true, |message| message.reason == "compiler-artifact"))
        .collect()
}
