//! `tests/images.lock`: one line for each package, `IMAGE PACKAGE VERSION SHA-256`.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::paths;

const HEADER: &str = "\
# What the nested tests were last seen working with: image, package, version, SHA-256 of the package.
# A version that the mirror no longer has is replaced by the current one. `make images-lock` writes this file.
";

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Locked {
    pub(super) image: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Lock {
    entries: Vec<Locked>,
}

impl Lock {
    /// A lock of these packages.
    pub(super) fn new(mut entries: Vec<Locked>) -> Self {
        entries.sort();
        Self { entries }
    }

    /// Reads the file.
    pub(super) fn load() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| format!("Cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("Cannot understand {}", path.display()))
    }

    /// Writes the file.
    pub(super) fn save(&self) -> Result<()> {
        let path = path();
        fs::write(&path, format!("{HEADER}{}", render(&self.entries)))
            .with_context(|| format!("Cannot write {}", path.display()))
    }

    /// The packages of an image.
    pub(super) fn of(&self, image: &str) -> Vec<Locked> {
        self.entries.iter().filter(|entry| entry.image == image).cloned().collect()
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [image, package, version, sha256] => Ok(Locked {
                image: image.to_owned(),
                package: package.to_owned(),
                version: version.to_owned(),
                sha256: sha256.to_owned(),
            }),
            _ => bail!("Not `IMAGE PACKAGE VERSION SHA-256`: {line}"),
        });
        Ok(Self::new(entries.collect::<Result<_>>()?))
    }
}

/// The lines of packages.
pub(super) fn render(entries: &[Locked]) -> String {
    let mut text = String::new();
    for Locked { image, package, version, sha256 } in entries {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{image} {package} {version} {sha256}");
    }
    text
}

/// What is said about packages that are not the recorded ones: `lock: NAME A -> B`.
pub(super) fn changes(recorded: &[Locked], current: &[Locked]) -> Vec<String> {
    let same_role = |a: &Locked, b: &Locked| role(&a.package) == role(&b.package);
    let describe = |entry: Option<&Locked>, other: Option<&Locked>| match (entry, other) {
        (None, _) => "none".to_owned(),
        (Some(entry), Some(other)) if entry.package == other.package => entry.version.clone(),
        (Some(entry), _) => format!("{} {}", entry.package, entry.version),
    };
    let new = current.iter().map(|new| (recorded.iter().find(|old| same_role(old, new)), Some(new)));
    let gone = recorded.iter().filter(|old| !current.iter().any(|new| same_role(old, new)));
    new.chain(gone.map(|old| (Some(old), None)))
        .filter(|(old, new)| old != new)
        .filter_map(|(old, new)| {
            let name = &new.or(old)?.package;
            Some(format!("lock: {name} {} -> {}", describe(old, new), describe(new, old)))
        })
        .collect()
}

/// A package's name without the kernel's version in it.
fn role(package: &str) -> String {
    package.split('-').filter(|part| !part.starts_with(|c: char| c.is_ascii_digit())).collect::<Vec<_>>().join("-")
}

fn path() -> PathBuf {
    paths::workspace().join("tests/images.lock")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn entry(package: &str, version: &str) -> Locked {
        Locked { image: "i".into(), package: package.into(), version: version.into(), sha256: "00".into() }
    }

    #[test]
    fn a_rendered_lock_is_read_back() {
        let entries = vec![entry("a", "1:2.3+x"), entry("b", "4")];
        assert_eq!(Lock::parse(&format!("{HEADER}\n{}", render(&entries))).unwrap().of("i"), entries);
        assert!(Lock::parse("a b c\n").is_err());
    }

    #[test]
    fn a_kernel_with_another_name_is_a_change_of_version() {
        let old = [entry("linux-image-6.1.0-41-cloud-amd64", "6.1.158-1"), entry("zlib1g", "1")];
        let new = [entry("linux-image-6.1.0-42-cloud-amd64", "6.1.159-1"), entry("zlib1g", "1")];
        assert_eq!(
            changes(&old, &new),
            ["lock: linux-image-6.1.0-42-cloud-amd64 linux-image-6.1.0-41-cloud-amd64 6.1.158-1 -> \
              linux-image-6.1.0-42-cloud-amd64 6.1.159-1"]
        );
    }

    #[test]
    fn new_and_dropped_packages_are_said() {
        assert_eq!(
            changes(&[entry("a", "1"), entry("c", "1")], &[entry("a", "2"), entry("b", "1")]),
            ["lock: a 1 -> 2", "lock: b none -> b 1", "lock: c c 1 -> none"]
        );
    }

    #[test]
    fn the_lock_in_the_tree_is_understood() {
        assert!(!Lock::load().unwrap().of("qemu").is_empty());
    }
}
