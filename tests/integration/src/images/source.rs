//! Where Debian's packages come from, and the keys that authenticate them: this machine's own on Debian, Debian's public
//! ones elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt::{self, Apt};

/// The package of Debian's keys, which Ubuntu has too, and its file.
const KEYS_PACKAGE: &str = "debian-archive-keyring";
const KEYS: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

/// Debian's own address, for machines that are not Debian.
const PUBLIC: &str = "http://deb.debian.org/debian";

/// The address of a Debian archive.
pub(super) fn archive() -> Result<String> {
    let os = fs::read_to_string("/etc/os-release").context("Cannot read /etc/os-release")?;
    if value(&os, "ID") != Some("debian") {
        return Ok(PUBLIC.to_owned());
    }
    let codename = value(&os, "VERSION_CODENAME").unwrap_or("stable");
    let format = "$(RELEASE) $(REPO_URI)";
    let targets = apt::run(Command::new("apt-get").args(["indextargets", "--format", format, "Created-By: Packages"]))?;
    targets
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(release, _)| [codename, "stable"].contains(release))
        .map(|(_, address)| address.to_owned())
        .with_context(|| format!("This machine's apt has no source for {codename}"))
}

/// Debian's keys: as they are installed, or else fetched into `directory` from this machine's own distribution.
pub(super) fn keys(directory: &Path) -> Result<PathBuf> {
    let root = directory.join("root");
    let places = [Path::new("/").join(KEYS), root.join(KEYS)];
    if let Some(found) = places.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    let debs = directory.join("debs");
    fs::create_dir_all(&debs).context("Cannot make a directory for packages")?;
    Apt::of_this_machine(&directory.join("apt"))?.download(&[KEYS_PACKAGE.to_owned()], &debs)?;
    apt::unpack(&debs, &root)?;
    let [_, fetched] = places;
    Ok(fetched)
}

/// The value of `key` in `/etc/os-release`.
fn value<'a>(os: &'a str, key: &str) -> Option<&'a str> {
    os.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(|value| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_os_release_are_whole_keys_with_or_without_quotes() {
        let os = "VERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n";
        assert_eq!(value(os, "ID"), Some("ubuntu"));
        assert_eq!(value(os, "VERSION_ID"), Some("24.04"));
        assert_eq!(value(os, "NAME"), None);
    }
}
