//! A file that goes into guest memory, checked before anything is believed.

use super::error::BootError;
use crate::memory::{GuestRam, read_exact_at};
use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};
use vm_memory::{ByteValued, GuestAddress, GuestMemoryBackend};

/// A regular file of known size. Reads that go beyond it are [`BootError::Truncated`] before anything is allocated.
#[derive(Debug)]
pub(super) struct Payload<'a> {
    name: &'static str,
    file: &'a File,
    size: u64,
}

impl<'a> Payload<'a> {
    /// Looks at the file; `name` is what errors call it.
    ///
    /// # Errors
    /// It is no regular file, or empty.
    pub(super) fn open(name: &'static str, file: &'a File) -> Result<Self, BootError> {
        let metadata = file.metadata().map_err(|source| BootError::Read { payload: name, source })?;
        if !metadata.is_file() {
            return Err(BootError::NotAFile { payload: name, sort: sort(metadata.file_type()) });
        }
        if metadata.len() == 0 {
            return Err(BootError::Empty { payload: name });
        }
        Ok(Self { name, file, size: metadata.len() })
    }

    /// Bytes in the file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The structure at `offset`; `None` when the file ends before its end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn peek<T: ByteValued + Default>(&self, offset: u64) -> Result<Option<T>, BootError> {
        match self.read(offset) {
            Ok(value) => Ok(Some(value)),
            Err(BootError::Truncated { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The structure at `offset`.
    ///
    /// # Errors
    /// The file ends before its end, or cannot be read.
    pub(super) fn read<T: ByteValued + Default>(&self, offset: u64) -> Result<T, BootError> {
        let mut value = T::default();
        self.read_bytes(offset, value.as_mut_slice())?;
        Ok(value)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// The file ends first, or cannot be read.
    pub(super) fn read_bytes(&self, offset: u64, bytes: &mut [u8]) -> Result<(), BootError> {
        let len = bytes.len() as u64; // usize has 64 bits
        self.check(offset, len)?;
        self.file.read_exact_at(bytes, offset).map_err(|source| self.failure(offset, len, source))
    }

    /// Says whether the file has `len` bytes from `offset` on.
    ///
    /// # Errors
    /// [`BootError::Truncated`].
    pub(super) fn check(&self, offset: u64, len: u64) -> Result<(), BootError> {
        let needed = offset.saturating_add(len);
        if needed > self.size {
            return Err(BootError::Truncated { payload: self.name, needed, size: self.size });
        }
        Ok(())
    }

    /// Reads `len` bytes from `offset` on straight into guest memory at `address`.
    ///
    /// # Errors
    /// The file ends first, or cannot be read, or there is no such memory.
    pub(super) fn load(&self, offset: u64, len: u64, ram: &GuestRam, address: u64) -> Result<(), BootError> {
        self.check(offset, len)?;
        let count = usize::try_from(len).unwrap_or(usize::MAX);
        let slice = ram.get_slice(GuestAddress(address), count).map_err(BootError::Structures)?;
        read_exact_at(self.file, offset, slice).map_err(|source| self.failure(offset, len, source))
    }

    /// A file that has become shorter since it was opened is truncated, too.
    fn failure(&self, offset: u64, len: u64, source: io::Error) -> BootError {
        if source.kind() != io::ErrorKind::UnexpectedEof {
            return BootError::Read { payload: self.name, source };
        }
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        BootError::Truncated { payload: self.name, needed: offset.saturating_add(len), size }
    }
}

fn sort(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "directory",
        kind if kind.is_char_device() => "character device",
        kind if kind.is_block_device() => "block device",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "special file",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::{file, ram};
    use super::*;
    use vm_memory::Bytes;

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_sort() {
        let open = |path: &str| {
            let file = File::open(path).unwrap();
            Payload::open("kernel", &file).unwrap_err().to_string()
        };
        assert_eq!(open("/dev/zero"), "The kernel is a character device: give a regular file");
        assert_eq!(open("/"), "The kernel is a directory: give a regular file");
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        let error = Payload::open("initrd", &File::from(pipe)).unwrap_err();
        assert_eq!(error.to_string(), "The initrd is a pipe: give a regular file");
    }

    #[test]
    fn an_empty_file_is_refused() {
        let error = Payload::open("initrd", &file(&[])).unwrap_err();
        assert_eq!(error.to_string(), "The initrd is an empty file");
    }

    #[test]
    fn a_read_may_reach_the_last_byte_and_no_further() {
        let file = file(&[1, 2, 3, 4, 5]);
        let payload = Payload::open("kernel", &file).unwrap();
        assert_eq!(payload.size(), 5);
        assert_eq!(payload.read::<u32>(1).unwrap(), 0x0504_0302);
        assert_eq!(payload.peek::<u32>(1).unwrap(), Some(0x0504_0302));
        assert_eq!(payload.peek::<u32>(2).unwrap(), None);
        for offset in [2, 5, u64::MAX] {
            let error = payload.read::<u32>(offset).unwrap_err();
            assert!(matches!(error, BootError::Truncated { size: 5, .. }), "{error}");
        }
    }

    #[test]
    fn bytes_go_where_they_are_told_and_nowhere_else() {
        let (file, ram) = (file(&[1, 2, 3, 4, 5]), ram(16 << 20));
        let payload = Payload::open("kernel", &file).unwrap();
        payload.load(1, 3, &ram, 0x10_0000).unwrap();
        assert_eq!(ram.read_obj::<u64>(GuestAddress(0x10_0000 - 1)).unwrap(), 0x0403_0200);
        assert!(matches!(payload.load(3, 3, &ram, 0x10_0000), Err(BootError::Truncated { needed: 6, .. })));
        assert!(matches!(payload.load(0, 5, &ram, (16 << 20) - 4), Err(BootError::Structures(_))));
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_truncated() {
        let (file, ram) = (file(&[7; 100]), ram(16 << 20));
        let payload = Payload::open("kernel", &file).unwrap();
        file.set_len(50).unwrap();
        let error = payload.load(0, 100, &ram, 0x10_0000).unwrap_err();
        assert!(matches!(error, BootError::Truncated { needed: 100, size: 50, .. }), "{error}");
        assert!(matches!(payload.read::<u64>(48), Err(BootError::Truncated { needed: 56, size: 50, .. })));
    }
}
