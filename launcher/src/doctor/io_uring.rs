//! io_uring: tried, since seccomp profiles forbid it without leaving a trace in any file.

use super::finding::Finding;
use super::host::Host;
use io_uring::IoUring;
use std::io;

const ID: &str = "io_uring";
const SWITCH: &str = "proc/sys/kernel/io_uring_disabled";

/// Makes a ring and lets it go.
///
/// # Errors
/// What the host says to that.
pub(super) fn try_it() -> io::Result<()> {
    IoUring::new(1).map(drop)
}

/// What follows from `tried`, and from the switch (0: on, 1: for a group and administrators, 2: off).
pub(super) fn examine(host: &Host, tried: io::Result<()>) -> Finding {
    let error = match tried {
        Ok(()) => return Finding::ok(ID, "it works").value(true),
        Err(error) => error,
    };
    let (found, remedy) = match (error.kind(), host.number(SWITCH)) {
        (io::ErrorKind::PermissionDenied, Some(mode @ (1 | 2))) => (
            format!("kernel.io_uring_disabled is {mode}"),
            "Switch it on: sudo sysctl kernel.io_uring_disabled=0".to_owned(),
        ),
        (io::ErrorKind::PermissionDenied, _) => (
            "a seccomp profile forbids it".to_owned(),
            "Run with a profile that allows io_uring_setup, io_uring_enter and io_uring_register".to_owned(),
        ),
        (io::ErrorKind::Unsupported, _) => (
            "this kernel has none, or a seccomp profile hides it".to_owned(),
            "Use a kernel with CONFIG_IO_URING".to_owned(),
        ),
        _ => (format!("it fails: {error}"), "See that the limits of memory and descriptors have room".to_owned()),
    };
    let means = "Disks are read and written by pread and pwrite, one request at a time for each queue";
    Finding::lacking(ID, found, means).value(false).remedy(remedy)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;
    use rustix::io::Errno;

    fn refused(errno: Errno, switch: &[(&str, &str)]) -> Finding {
        let (_root, host) = fake::host(switch);
        let finding = examine(&host, Err(errno.into()));
        assert_eq!((finding.status, finding.value.clone()), (Status::Lacking, false.into()));
        finding
    }

    #[test]
    fn a_refusal_is_explained_by_the_switch_or_else_by_a_profile() {
        assert_eq!(refused(Errno::PERM, &[(SWITCH, "2\n")]).found, "kernel.io_uring_disabled is 2");
        assert_eq!(refused(Errno::PERM, &[(SWITCH, "0\n")]).found, "a seccomp profile forbids it");
        assert_eq!(refused(Errno::PERM, &[]).found, "a seccomp profile forbids it");
    }

    #[test]
    fn a_kernel_without_it_and_one_without_room_are_told() {
        assert!(refused(Errno::NOSYS, &[]).remedy.unwrap().contains("CONFIG_IO_URING"));
        assert!(refused(Errno::NOMEM, &[]).found.starts_with("it fails: "));
    }

    #[test]
    fn what_works_is_good_whatever_the_switch_says() {
        let (_root, host) = fake::host(&[(SWITCH, "1\n")]);
        assert_eq!(examine(&host, Ok(())).status, Status::Ok);
    }
}
