//! What a machine of the start measurements has: a disk, a network, and a directory for what its program needs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::network::Tap;

const DISK_BYTES: u64 = 64 << 20;

/// One place for a machine; as many machines run at once as there are places.
#[derive(Debug)]
pub struct Place {
    /// Which one it is, from 0.
    pub number: u32,
    directory: TempDir,
    /// The network of those that take a descriptor; `None`: this host has none for us.
    pub held_tap: Option<Tap>,
    /// The network of those that take a name.
    pub named_tap: Option<Tap>,
}

impl Place {
    /// A place; with a network where `network` says so.
    ///
    /// # Errors
    /// The host refuses.
    pub fn new(number: u32, network: bool) -> Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("podvisor-bench-").tempdir().context("Cannot make a directory")?;
        let held_tap = network.then(|| Tap::held(&format!("held{number}"))).transpose()?;
        let named_tap = network.then(|| Tap::named(&format!("named{number}"))).transpose()?;
        let place = Self { number, directory, held_tap, named_tap };
        place.renew_disk()?;
        Ok(place)
    }

    /// Puts another disk in the old one's place: the kernel may hold on to the lock of a machine that was killed.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn renew_disk(&self) -> Result<()> {
        let disk = self.disk();
        let _there_may_be_none = fs::remove_file(&disk);
        let made = File::create(&disk).and_then(|file| file.set_len(DISK_BYTES));
        made.with_context(|| format!("Cannot make {}", disk.display()))
    }

    /// The disk's file: sparse, and empty.
    pub fn disk(&self) -> PathBuf {
        self.directory.path().join("disk.img")
    }

    /// The guest's address in its network.
    pub fn mac(&self) -> String {
        let [_, _, high, low] = self.number.to_be_bytes();
        format!("02:00:00:00:{high:02x}:{low:02x}")
    }

    /// Writes a file that a program reads.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        fs::write(&path, text).with_context(|| format!("Cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Where the program's standard error goes.
    pub fn errors(&self) -> &Path {
        self.directory.path()
    }
}
