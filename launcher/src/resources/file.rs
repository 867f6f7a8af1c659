//! Opens files by name without being held up or fooled by what is found there: a FIFO does not block, a device is
//! not touched, a directory is named as one.

use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open, stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use thiserror::Error;

/// What a file must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A regular file, for reading.
    Regular,
    /// A regular file or a block device, for reading.
    ReadOnlyDisk,
    /// A regular file or a block device, for reading and writing.
    WritableDisk,
}

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("It cannot be found")]
    Find(#[source] Errno),
    #[error("It cannot be opened for reading")]
    Read(#[source] Errno),
    #[error("It cannot be opened for reading and writing; a disk that the guest only reads is given as readonly")]
    Write(#[source] Errno),
    #[error("It is {0}, not {1}")]
    Sort(&'static str, &'static str),
    #[error("It is open for reading only; a disk that the guest only reads is given as readonly")]
    NotWritable,
    #[error("It is open for writing only")]
    NotReadable,
    #[error("What it is cannot be told")]
    Stat(#[source] Errno),
    #[error("It has more than {0} bytes")]
    TooLarge(u64),
    #[error("Reading it failed")]
    Content(#[source] std::io::Error),
}

impl Wanted {
    fn check_sort(self, mode: u32) -> Result<(), FileError> {
        let found = FileType::from_raw_mode(mode);
        let (fits, wanted) = match self {
            Self::Regular => (found == FileType::RegularFile, "a regular file"),
            Self::ReadOnlyDisk | Self::WritableDisk => {
                (matches!(found, FileType::RegularFile | FileType::BlockDevice), "a regular file or a block device")
            }
        };
        if fits { Ok(()) } else { Err(FileError::Sort(sort_name(found), wanted)) }
    }

    /// Checks a descriptor that somebody else has opened.
    pub(super) fn check(self, file: impl AsFd) -> Result<(), FileError> {
        self.check_sort(fstat(&file).map_err(FileError::Stat)?.st_mode)?;
        let access = fcntl_getfl(&file).map_err(FileError::Stat)? & OFlags::RWMODE;
        if access == OFlags::WRONLY {
            return Err(FileError::NotReadable);
        }
        if self == Self::WritableDisk && access != OFlags::RDWR {
            return Err(FileError::NotWritable);
        }
        Ok(())
    }
}

fn sort_name(sort: FileType) -> &'static str {
    match sort {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::Symlink | FileType::Unknown => "something else",
    }
}

/// Opens `path` as `wanted`.
///
/// # Errors
/// There is no such file, it is of another sort, or this process may not open it so.
pub(crate) fn open_file(path: &Path, wanted: Wanted) -> Result<File, FileError> {
    // Looked at before it is opened, since opening alone wakes some devices (a tape, a watchdog) ...
    wanted.check_sort(stat(path).map_err(FileError::Find)?.st_mode)?;
    let (access, refusal): (_, fn(Errno) -> FileError) = match wanted {
        Wanted::Regular | Wanted::ReadOnlyDisk => (OFlags::RDONLY, FileError::Read),
        Wanted::WritableDisk => (OFlags::RDWR, FileError::Write),
    };
    // ... and opened without waiting and looked at again, since another file may stand there by now.
    let fd =
        open(path, access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).map_err(refusal)?;
    wanted.check(&fd)?;
    wait_again(&fd).map_err(FileError::Stat)?;
    Ok(File::from(fd))
}

/// Takes `O_NONBLOCK` away again: disk I/O is to wait.
fn wait_again(fd: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(fd, fcntl_getfl(fd)? & !OFlags::NONBLOCK)
}

/// Reads the whole of a regular file that has at most `limit` bytes.
///
/// # Errors
/// It cannot be opened or read, or has more.
pub(crate) fn read_small_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = open_file(path, Wanted::Regular)?;
    let mut bytes = Vec::new();
    // Not the size that the file tells: files below /proc tell none.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::Content)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes),
        _ => Err(FileError::TooLarge(limit)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mknodat};
    use std::error::Error;
    use std::io::{Seek, Write};
    use std::os::unix::net::UnixListener;

    fn refusal(path: &Path, wanted: Wanted) -> String {
        let error = open_file(path, wanted).unwrap_err();
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn a_file_of_the_right_sort_is_opened_as_asked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut written = open_file(file.path(), Wanted::WritableDisk).unwrap();
        written.write_all(b"disk").unwrap();
        assert!(!fcntl_getfl(&written).unwrap().contains(OFlags::NONBLOCK));
        written.rewind().unwrap();
        for wanted in [Wanted::Regular, Wanted::ReadOnlyDisk] {
            let mut read = open_file(file.path(), wanted).unwrap();
            assert!(read.write_all(b"x").is_err(), "{wanted:?} must not be writable");
            assert_eq!(std::io::read_to_string(&read).unwrap(), "disk");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_by_its_sort_and_never_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for wanted in [Wanted::Regular, Wanted::ReadOnlyDisk, Wanted::WritableDisk] {
            for (path, sort) in [
                (directory.path(), "a directory"),
                (Path::new("/dev/zero"), "a character device"),
                (&fifo, "a FIFO"),
                (&socket, "a socket"),
            ] {
                assert!(refusal(path, wanted).starts_with(&format!("It is {sort}, not a regular file")), "{sort}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_refused_with_the_hosts_reason() {
        assert_eq!(
            refusal(Path::new("/nowhere/at/all"), Wanted::ReadOnlyDisk),
            "It cannot be found: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_running_program_cannot_be_a_writable_disk() {
        let program = std::env::current_exe().unwrap();
        assert!(refusal(&program, Wanted::WritableDisk).contains("readonly: Text file busy"));
        open_file(&program, Wanted::ReadOnlyDisk).unwrap();
    }

    #[test]
    fn a_descriptor_must_be_open_as_the_disk_is_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = File::open(file.path()).unwrap();
        let write = File::options().write(true).open(file.path()).unwrap();
        assert!(Wanted::ReadOnlyDisk.check(&read).is_ok());
        assert!(matches!(Wanted::WritableDisk.check(&read), Err(FileError::NotWritable)));
        assert!(matches!(Wanted::ReadOnlyDisk.check(&write), Err(FileError::NotReadable)));
        assert!(Wanted::WritableDisk.check(file.as_file()).is_ok());
    }

    #[test]
    fn a_file_above_the_limit_is_not_read_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 40).unwrap();
        assert!(matches!(read_small_file(file.path(), 4), Err(FileError::TooLarge(4))));
        file.as_file().set_len(4).unwrap();
        assert_eq!(read_small_file(file.path(), 4).unwrap(), [0; 4]);
    }
}
