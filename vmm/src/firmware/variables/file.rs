//! The file: replaced as a whole, so that whoever reads it after a crash finds the old or the new contents.

use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use thiserror::Error;

/// Larger than any firmware's.
const MAX_STORE: u64 = 8 << 20;

/// Why variables cannot be read or kept.
#[derive(Debug, Error)]
pub(crate) enum VariableFileError {
    /// The name is none of a file in the directory.
    #[error("{0:?} cannot name a variable store: give the name of a file, without directories")]
    Name(OsString),
    /// The store is not as large as its chip.
    #[error(
        "The variable store {name:?} has {size} bytes where this firmware needs {expected}: it belongs to another one; remove it to start with empty variables"
    )]
    Size {
        /// The file.
        name: OsString,
        /// Its bytes.
        size: u64,
        /// Bytes of the chip.
        expected: u64,
    },
    /// A system call failed.
    #[error("The variable store {name:?} cannot be {step}")]
    System {
        /// The file.
        name: OsString,
        /// What was to be done.
        step: &'static str,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
}

/// A variable store in a directory of this host.
#[derive(Debug)]
pub(crate) struct VariableFile {
    directory: OwnedFd,
    name: OsString,
}

impl VariableFile {
    /// The store `name` in `directory`; it need not be there yet.
    ///
    /// # Errors
    /// The name leads out of the directory, or to none of its files.
    pub(crate) fn new(directory: OwnedFd, name: &OsStr) -> Result<Self, VariableFileError> {
        let bytes = name.as_encoded_bytes();
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') || bytes.contains(&0) {
            return Err(VariableFileError::Name(name.into()));
        }
        Ok(Self { directory, name: name.into() })
    }

    /// The contents, of `expected` bytes when that is known; `None`: there is no store yet.
    ///
    /// # Errors
    /// It has another size, or none of a store, or cannot be read.
    pub(crate) fn load(&self, expected: Option<u64>) -> Result<Option<Vec<u8>>, VariableFileError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = match openat(&self.directory, &self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.failure("opened", error.into())),
        };
        let size = file.metadata().map_err(|error| self.failure("read", error))?.len();
        let expected = expected.unwrap_or(size.min(MAX_STORE));
        if size != expected {
            return Err(VariableFileError::Size { name: self.name.clone(), size, expected });
        }
        let mut contents = Vec::new();
        // Not more than it has, should it grow meanwhile.
        let read = Read::by_ref(&mut file).take(size).read_to_end(&mut contents);
        read.map_err(|error| self.failure("read", error))?;
        Ok(Some(contents))
    }

    /// Replaces the contents. When it returns, they outlive a crash of the host.
    ///
    /// # Errors
    /// The system refused; the old contents are there.
    pub(crate) fn save(&self, contents: &[u8]) -> Result<(), VariableFileError> {
        let new = self.new_name();
        let written = self.write(&new, contents);
        if written.is_err() {
            // It may not exist; what matters is the first error.
            let _ = unlinkat(&self.directory, &new, AtFlags::empty());
        }
        written
    }

    fn write(&self, new: &OsStr, contents: &[u8]) -> Result<(), VariableFileError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = openat(&self.directory, new, flags, mode).map_err(|error| self.failure("created", error.into()))?;
        let mut file = File::from(file);
        file.write_all(contents).map_err(|error| self.failure("written", error))?;
        file.sync_all().map_err(|error| self.failure("written", error))?;
        let renamed = renameat(&self.directory, new, &self.directory, &self.name);
        renamed.map_err(|error| self.failure("replaced", error.into()))?;
        fsync(&self.directory).map_err(|error| self.failure("replaced", error.into()))
    }

    /// Where contents are written first. One machine has the store at a time, so that nobody else uses the name.
    fn new_name(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".new");
        name
    }

    fn failure(&self, step: &'static str, source: std::io::Error) -> VariableFileError {
        VariableFileError::System { name: self.name.clone(), step, source }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn store(directory: &Path) -> VariableFile {
        VariableFile::new(OwnedFd::from(File::open(directory).unwrap()), OsStr::new("vm.fd")).unwrap()
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        assert_eq!(store.load(Some(4)).unwrap(), None);
        for contents in [[1, 2, 3, 4], [5, 6, 7, 8]] {
            store.save(&contents).unwrap();
            assert_eq!(store.load(Some(4)).unwrap().unwrap(), contents);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_write_that_was_cut_off_leaves_the_old_contents_and_does_not_hinder_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&[1; 4096]).unwrap();
        for written in [0, 1, 4095] {
            // What a crash leaves while the new contents are written.
            fs::write(directory.path().join(".vm.fd.new"), vec![2; written]).unwrap();
            assert_eq!(store.load(Some(4096)).unwrap().unwrap(), [1; 4096]);
        }
        store.save(&[3; 4096]).unwrap();
        assert_eq!(store.load(Some(4096)).unwrap().unwrap(), [3; 4096]);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_contents() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&[1; 8]).unwrap();
        fs::create_dir(directory.path().join(".vm.fd.new")).unwrap();
        let error = store.save(&[2; 8]).unwrap_err();
        assert_eq!(error.to_string(), "The variable store \"vm.fd\" cannot be created");
        assert_eq!(store.load(Some(8)).unwrap().unwrap(), [1; 8]);
    }

    #[test]
    fn the_store_of_another_firmware_is_refused_by_its_size() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&[0; 131_072]).unwrap();
        let error = store.load(Some(540_672)).unwrap_err().to_string();
        assert!(error.contains("131072 bytes where this firmware needs 540672"), "{error}");
    }

    #[test]
    fn no_name_leads_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
            let directory = OwnedFd::from(File::open(directory.path()).unwrap());
            assert!(VariableFile::new(directory, OsStr::new(name)).is_err(), "{name:?}");
        }
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("vm.fd")).unwrap();
        assert!(store(directory.path()).load(Some(1)).is_err());
    }
}
