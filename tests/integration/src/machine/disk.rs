//! Disks of test machines: temporary files, and the pattern that the guest and the host know.

use std::fs::File;
use std::os::unix::fs::FileExt;

use tempfile::NamedTempFile;

/// Bytes of a sector (VIRTIO 1.2 5.2.2).
pub const SECTOR: u64 = 512;

/// The pattern's word at byte offset `address` of a disk with seed `seed`; in guest memory the seed is 0.
pub fn pattern_word(address: u64, seed: u64) -> u64 {
    address.wrapping_add(seed << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The pattern of `count` sectors from `start` on.
pub fn pattern(start: u64, count: u64, seed: u64) -> Vec<u8> {
    let words = start * SECTOR / 8..(start + count) * SECTOR / 8;
    words.flat_map(|word| pattern_word(word * 8, seed).to_le_bytes()).collect()
}

/// A disk image that is deleted with its owner.
#[derive(Debug)]
pub struct TestDisk {
    file: NamedTempFile,
    sectors: u64,
}

impl TestDisk {
    /// A disk of `sectors` sectors, all zeros.
    ///
    /// # Panics
    /// This machine has no room for it.
    pub fn empty(sectors: u64) -> Self {
        let file = NamedTempFile::with_prefix("podvisor-disk-").expect("a temporary file");
        file.as_file().set_len(sectors * SECTOR).expect("room for a disk");
        Self { file, sectors }
    }

    /// A disk full of the pattern.
    ///
    /// # Panics
    /// This machine has no room for it.
    pub fn patterned(sectors: u64, seed: u64) -> Self {
        let disk = Self::empty(sectors);
        disk.file.as_file().write_all_at(&pattern(0, sectors, seed), 0).expect("room for a disk");
        disk
    }

    /// Its path.
    pub fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    /// What the file holds now.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn contents(&self) -> Vec<u8> {
        std::fs::read(self.path()).expect("the disk's file")
    }

    /// What the file holds now in `count` sectors from `start` on.
    ///
    /// # Panics
    /// It cannot be read, or ends before.
    pub fn sectors(&self, start: u64, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(count * SECTOR).expect("a small disk")];
        self.file.as_file().read_exact_at(&mut bytes, start * SECTOR).expect("sectors of the disk");
        bytes
    }

    /// How many sectors it has.
    pub fn size(&self) -> u64 {
        self.sectors
    }

    /// A new open file, as a launcher would open it.
    pub(super) fn open(&self, readonly: bool) -> File {
        File::options().read(true).write(!readonly).open(self.path()).expect("the disk's file")
    }
}
