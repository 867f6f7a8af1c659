//! The two pipes between the machine's serial port and this process's side of the console.

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use vmm::Resource;

/// The most that is moved at once; also what a pipe always takes without waiting (PIPE_BUF).
pub(super) const CHUNK: usize = 4096;

/// The launcher's ends. All ends, the machine's too, are non-blocking: the pipes are ours alone.
#[derive(Debug)]
pub(super) struct HostEnds {
    /// What is written here is the guest's input.
    pub(super) to_guest: OwnedFd,
    /// What the guest has put out; at its end when the machine is gone.
    pub(super) from_guest: OwnedFd,
}

/// Makes both pipes: the launcher's ends and the machine's.
///
/// # Errors
/// This process has no descriptor left.
pub(super) fn make() -> Result<(HostEnds, Resource), Errno> {
    let (input, to_guest) = pipe()?;
    let (from_guest, output) = pipe()?;
    Ok((HostEnds { to_guest, from_guest }, Resource::Stream { input: Some(input), output: Some(output) }))
}

/// Makes one pipe: its end to read from, and the one to write to.
///
/// # Errors
/// This process has no descriptor left.
pub(super) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
}
