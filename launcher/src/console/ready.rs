//! Waiting for descriptors.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// What to wait for on one descriptor; `None`: it does not matter now.
pub(super) type Interest<'a> = Option<(BorrowedFd<'a>, PollFlags)>;

/// Waits until something happens on one of the descriptors, at most for `limit`. Answers in the same order; nothing
/// has happened on any of them when the time is over.
///
/// # Errors
/// The host refuses to wait.
pub(super) fn wait<const N: usize>(
    interests: [Interest<'_>; N],
    limit: Option<Duration>,
) -> Result<[PollFlags; N], Errno> {
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let mut fds: Vec<PollFd<'_>> =
        interests.iter().flatten().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    retry_on_intr(|| poll(&mut fds, limit.as_ref()))?;
    let mut happened = fds.iter().map(PollFd::revents);
    Ok(interests.map(|interest| match interest {
        Some(_) => happened.next().unwrap_or(PollFlags::empty()),
        None => PollFlags::empty(),
    }))
}
