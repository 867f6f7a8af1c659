//! Writes initramfs archives: cpio's "newc" form (Linux's Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// An archive under way. All files belong to root and are as old as the epoch, so equal contents give equal bytes.
#[derive(Debug)]
pub struct Archive<W: Write> {
    output: W,
    directories: BTreeSet<String>,
    next_inode: u32,
}

impl Archive<BufWriter<File>> {
    /// An archive in a new file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("Cannot make {}", path.display()))?;
        Ok(Self::new(BufWriter::new(file)))
    }
}

impl<W: Write> Archive<W> {
    /// An archive that goes to `output`.
    pub fn new(output: W) -> Self {
        Self { output, directories: BTreeSet::new(), next_inode: 1 }
    }

    /// Adds a directory and those above it, once.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn directory(&mut self, path: &str) -> Result<()> {
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(part);
            if self.directories.insert(above.clone()) {
                self.entry(&above, DIRECTORY | 0o755, &[])?;
            }
        }
        Ok(())
    }

    /// Adds a file with these contents.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn file(&mut self, path: &str, permissions: u32, contents: &[u8]) -> Result<()> {
        self.parent(path)?;
        self.entry(path, REGULAR | permissions, contents)
    }

    /// Adds a copy of a file, with its permissions.
    ///
    /// # Errors
    /// The file cannot be read or the archive not be written.
    pub fn copy(&mut self, source: &Path, path: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let read = || -> io::Result<(u32, Vec<u8>)> {
            Ok((fs::metadata(source)?.permissions().mode() & 0o777, fs::read(source)?))
        };
        let (permissions, contents) = read().with_context(|| format!("Cannot read {}", source.display()))?;
        self.file(path, permissions, &contents)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.parent(path)?;
        self.entry(path, SYMLINK | 0o777, target.as_bytes())
    }

    /// Ends the archive and returns where it went.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn finish(mut self) -> Result<W> {
        self.entry("TRAILER!!!", 0, &[])?;
        self.output.flush().context("Cannot write an archive")?;
        Ok(self.output)
    }

    fn parent(&mut self, path: &str) -> Result<()> {
        match path.trim_start_matches('/').rsplit_once('/') {
            Some((directory, _)) => self.directory(directory),
            None => Ok(()),
        }
    }

    fn entry(&mut self, path: &str, mode: u32, contents: &[u8]) -> Result<()> {
        let name = path.trim_start_matches('/');
        ensure!(!name.is_empty(), "An archive's entry needs a name");
        let size = u32::try_from(contents.len()).context("A file of 4 GiB does not fit into an archive")?;
        let name_size = u32::try_from(name.len() + 1)?;
        let inode = self.next_inode;
        self.next_inode += 1;
        // magic, inode, mode, uid, gid, links, mtime, size, device, rdev (major, minor each), name's size, checksum
        let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        let mut write = || -> io::Result<()> {
            self.output.write_all(b"070701")?;
            for field in fields {
                write!(self.output, "{field:08x}")?;
            }
            self.output.write_all(name.as_bytes())?;
            // The header has 110 bytes; name (with its NUL) and contents end at multiples of 4.
            let padding = |length: usize| &[0_u8; 4][..(4 - length % 4) % 4];
            self.output.write_all(&[0])?;
            self.output.write_all(padding(110 + name.len() + 1))?;
            self.output.write_all(contents)?;
            self.output.write_all(padding(contents.len()))
        };
        write().context("Cannot write an archive")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn entries_are_aligned_and_directories_come_once_before_their_files() {
        let mut archive = Archive::new(Vec::new());
        archive.file("/a/b/c.txt", 0o644, b"hello").unwrap();
        archive.file("a/b/d", 0o755, b"").unwrap();
        archive.symlink("a/link", "b/d").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let at: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert!(at.iter().all(|at| at % 4 == 0));
        let names: Vec<&str> = at.iter().map(|at| text[at + 110..].split('\0').next().unwrap()).collect();
        assert_eq!(names, ["a", "a/b", "a/b/c.txt", "a/b/d", "a/link", "TRAILER!!!"]);
        let header = &text[at[2]..];
        assert_eq!(&header[14..22], "000081a4");
        assert_eq!(&header[54..62], "00000005");
        assert!(header[110..].starts_with("a/b/c.txt\0hello\0\0\0"));
    }
}
