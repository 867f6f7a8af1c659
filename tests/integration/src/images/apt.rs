//! A private apt: its own state, caches and sources, and an empty list of installed packages, so that the machine's
//! own apt is not touched. What comes is authenticated by Debian's keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// apt for one set of sources.
#[derive(Debug)]
pub(super) struct Apt {
    options: Vec<String>,
}

/// A package as the mirror's authenticated index describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

impl Apt {
    /// Makes private directories below `directory` and reads Debian's index of `suite`; `keys` authenticates it.
    pub(super) fn open(directory: &Path, suite: &str, archive: &str, keys: &Path) -> Result<Self> {
        fs::create_dir_all(directory).context("Cannot make a directory for apt")?;
        let sources = directory.join("sources.list");
        let line = format!("deb [arch=amd64 signed-by={}] {archive} {suite} main\n", keys.display());
        fs::write(&sources, line).context("Cannot write apt's sources")?;
        let own = [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=/dev/null".into(),
            "Dir::Etc::preferences=/dev/null".into(),
            "Dir::Etc::preferencesparts=/dev/null".into(),
            "APT::Architecture=amd64".into(),
        ];
        Self::updated(directory, own.to_vec())
    }

    /// The same with this machine's own sources.
    pub(super) fn of_this_machine(directory: &Path) -> Result<Self> {
        Self::updated(directory, Vec::new())
    }

    /// apt with private state and these options, after it has read its sources' indexes.
    fn updated(directory: &Path, mut options: Vec<String>) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(part)).context("Cannot make a directory for apt")?;
        }
        let status = directory.join("status");
        fs::write(&status, "").context("Cannot write apt's status")?;
        let at = |part: &str| directory.join(part).display().to_string();
        options.extend([
            format!("Dir::State={}", at("state")),
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache={}", at("cache")),
            "APT::Install-Recommends=false".into(),
            // Root's directories are not open to apt's own user.
            "APT::Sandbox::User=root".into(),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
            "Acquire::Retries=3".into(),
        ]);
        let apt = Self { options };
        apt.run("apt-get", &["--quiet", "--error-on=any", "update"], None)?;
        Ok(apt)
    }

    /// The packages that installing `packages` would bring, themselves included.
    pub(super) fn closure(&self, packages: &[&str]) -> Result<Vec<Package>> {
        let plan = self.run("apt-get", &[&["--simulate", "install"], packages].concat(), None)?;
        let names: Vec<String> = plan.lines().filter_map(parse_inst).collect();
        ensure!(!names.is_empty(), "apt would install nothing for {packages:?}");
        self.describe(&names)
    }

    /// Describes packages, each `NAME=VERSION`; fails when one of them is not to be had.
    pub(super) fn describe(&self, packages: &[String]) -> Result<Vec<Package>> {
        let mut arguments = vec!["show"];
        arguments.extend(packages.iter().map(String::as_str));
        let found = parse_show(&self.run("apt-cache", &arguments, None)?);
        ensure!(found.len() >= packages.len(), "The mirror has {} of {} packages", found.len(), packages.len());
        Ok(found)
    }

    /// Downloads packages, each `NAME` or `NAME=VERSION`, into `directory`; apt checks their hashes.
    pub(super) fn download(&self, packages: &[String], directory: &Path) -> Result<()> {
        let mut arguments = vec!["--quiet", "download"];
        arguments.extend(packages.iter().map(String::as_str));
        self.run("apt-get", &arguments, Some(directory)).map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str], directory: Option<&Path>) -> Result<String> {
        let mut command = Command::new(program);
        for option in &self.options {
            command.arg("-o").arg(option);
        }
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        run(command.args(arguments))
    }
}

/// Runs a command and returns what it prints; what it says on stderr is part of the error.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let program = PathBuf::from(command.get_program());
    let output = command
        .env("LC_ALL", "C")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .with_context(|| format!("Cannot run {}", program.display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", program.display(), output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Unpacks all packages in `debs` below `root`.
pub(super) fn unpack(debs: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root).context("Cannot make a directory for packages")?;
    for deb in fs::read_dir(debs).context("Cannot list the downloaded packages")? {
        let deb = deb.context("Cannot list the downloaded packages")?.path();
        run(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(root))?;
    }
    Ok(())
}

/// `Inst NAME (VERSION Debian:12.9/stable [amd64])` as `NAME=VERSION`.
fn parse_inst(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("Inst ")?.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('(')?;
    Some(format!("{name}={version}"))
}

/// The records that `apt-cache show` prints.
fn parse_show(text: &str) -> Vec<Package> {
    let field = |record: &str, name: &str| {
        record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    text.split("\n\n")
        .filter_map(|record| {
            Some(Package {
                name: field(record, "Package")?,
                version: field(record, "Version")?,
                sha256: field(record, "SHA256")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_installation_names_package_and_version() {
        let line = "Inst libc6 (2.41-12+deb13u4 Debian:13.2/stable [amd64]) [libgcc-s1:amd64 ]";
        assert_eq!(parse_inst(line).as_deref(), Some("libc6=2.41-12+deb13u4"));
        assert_eq!(parse_inst("Conf libc6 (2.41-12 Debian:13.2/stable [amd64])"), None);
    }

    #[test]
    fn records_of_the_index_are_told_apart() {
        let text = "Package: a\nVersion: 1:2\nSHA256: 00ff\nDescription: x\n\nPackage: b\nVersion: 3\nSHA256: 11\n\n";
        let found = parse_show(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Package { name: "a".into(), version: "1:2".into(), sha256: "00ff".into() });
    }
}
