//! The host's files, below a root.

use rustix::fs::{Stat, stat};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// A host as its files show it.
#[derive(Debug)]
pub(super) struct Host {
    root: PathBuf,
}

impl Host {
    /// The host that this process runs on.
    pub(super) fn this() -> Self {
        Self { root: "/".into() }
    }

    /// A host whose files stand below `root`.
    #[cfg(test)]
    pub(super) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where `path` (without its first slash) is.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// What a file says, without white space at either end.
    ///
    /// # Errors
    /// There is no such file, or it may not be read.
    pub(super) fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.path(path)).map(|text| text.trim().to_owned())
    }

    /// The number that a file says; `None` when there is no such file, or another text in it.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path).ok()?.parse().ok()
    }

    /// What a file is.
    ///
    /// # Errors
    /// There is no such file, or the way to it is closed.
    pub(super) fn stat(&self, path: &str) -> Result<Stat, Errno> {
        stat(self.path(path))
    }

    /// The name of a user, or else the number.
    pub(super) fn user(&self, uid: u32) -> String {
        self.name("etc/passwd", uid)
    }

    /// The name of a group, or else the number.
    pub(super) fn group(&self, gid: u32) -> String {
        self.name("etc/group", gid)
    }

    /// Both files have the name first and the number third (passwd(5), group(5)).
    fn name(&self, file: &str, id: u32) -> String {
        let text = self.read(file).unwrap_or_default();
        let mut entries = text.lines().map(|line| line.split(':'));
        let found = entries.find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
        });
        found.unwrap_or_else(|| id.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod fake {
    //! Hosts that tests make up.

    use super::*;
    use tempfile::TempDir;

    /// A host with these files, by their paths and what they say.
    pub(in crate::doctor) fn host(files: &[(&str, &str)]) -> (TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let host = Host::below(root.path());
        (root, host)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_have_names_or_else_numbers() {
        let (_root, host) = fake::host(&[
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"),
            ("etc/group", "root:x:0:\n\nbroken\nkvm:x:108:ann\n"),
        ]);
        assert_eq!((host.user(0), host.user(1000), host.user(7)), ("root".into(), "ann".into(), "7".into()));
        assert_eq!((host.group(108), host.group(1000)), ("kvm".into(), "1000".into()));
        let (_root, empty) = fake::host(&[]);
        assert_eq!(empty.user(0), "0");
    }

    #[test]
    fn a_number_is_one_only_when_the_file_says_nothing_else() {
        let (_root, host) = fake::host(&[("a", "12\n"), ("b", "12 34"), ("c", "")]);
        assert_eq!(["a", "b", "c", "d"].map(|file| host.number(file)), [Some(12), None, None, None]);
        assert!(host.read("d").is_err() && host.stat("d").is_err());
    }
}
