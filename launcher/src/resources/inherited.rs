//! Descriptors that the parent process has handed over by number.
//!
//! A number says nothing about who owns the descriptor, so that Rust's own way from a number to a descriptor is
//! unsafe. The kernel can be asked instead for a duplicate of descriptor N of a process, which may be this one.

use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::os::fd::OwnedFd;
use thiserror::Error;

/// Why there is no such descriptor to take.
#[derive(Debug, Error)]
pub(crate) enum InheritedError {
    #[error(
        "This process cannot get at its own descriptors: that needs Linux 5.6 and a seccomp profile with pidfd_open and pidfd_getfd"
    )]
    Process(#[source] Errno),
    #[error("This process has inherited no descriptor {0}")]
    Missing(i32, #[source] Errno),
}

/// A duplicate (with close-on-exec) of descriptor `number` of this process, on the same open file description.
///
/// To be called before this process opens anything itself, or the number may be one of its own.
///
/// # Errors
/// There is no such descriptor, or the host does not let us.
pub(super) fn take(number: i32) -> Result<OwnedFd, InheritedError> {
    if number < 0 {
        return Err(InheritedError::Missing(number, Errno::BADF));
    }
    let this = pidfd_open(getpid(), PidfdFlags::empty()).map_err(InheritedError::Process)?;
    pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).map_err(|errno| match errno {
        Errno::BADF => InheritedError::Missing(number, errno),
        other => InheritedError::Process(other),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_taken_descriptor_is_the_same_open_file() {
        let mut original = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut original, b"abc").unwrap();
        let mut taken = File::from(take(original.as_raw_fd()).unwrap());
        taken.seek(SeekFrom::Start(1)).unwrap();
        let mut rest = String::new();
        original.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bc", "both share one position");
    }

    #[test]
    fn a_number_without_a_descriptor_is_refused() {
        for number in [-1, 1_000_000] {
            assert!(matches!(take(number), Err(InheritedError::Missing(n, _)) if n == number));
        }
    }
}
