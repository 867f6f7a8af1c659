//! The host's input on its way to the guest: read only while the guest has room for it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Bytes wait to be delivered.
    Some,
    /// There is nothing now.
    Nothing,
    /// There is and will be nothing.
    Ended,
}

/// A descriptor to read from, and what was read and not delivered yet.
pub(super) struct Source {
    descriptor: Option<OwnedFd>,
    /// Never more than was asked for at once.
    bytes: Vec<u8>,
}

impl Source {
    pub(super) fn new(descriptor: Option<OwnedFd>) -> Self {
        Self { descriptor, bytes: Vec::new() }
    }

    /// The descriptor's number, to watch it; none once its end was reached.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.descriptor.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Reads at most `limit` bytes if nothing waits yet, without waiting for them.
    pub(super) fn fill(&mut self, limit: usize) -> Input {
        if !self.bytes.is_empty() {
            return Input::Some;
        }
        let Some(descriptor) = &self.descriptor else { return Input::Ended };
        // Also hung up or broken: reading says so, and never waits then.
        let mut ready = [PollFd::new(descriptor, PollFlags::IN)];
        match poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) | Err(_) => return Input::Nothing,
            Ok(_) => {}
        }
        let mut bytes = vec![0; limit];
        match read(descriptor, &mut bytes) {
            Ok(0) => Self::ended(None),
            Ok(count) => {
                bytes.truncate(count);
                self.bytes = bytes;
                Input::Some
            }
            Err(Errno::AGAIN | Errno::INTR) => Input::Nothing,
            Err(error) => Self::ended(Some(error)),
        }
    }

    /// Delivers what was read: `deliver` returns how much it took.
    pub(super) fn deliver(&mut self, deliver: impl FnOnce(&[u8]) -> usize) {
        let taken = deliver(&self.bytes).min(self.bytes.len());
        self.bytes.drain(..taken);
    }

    /// Closes the descriptor. It must not be watched any more: as long as another process has it, too, epoll would go
    /// on reporting its end.
    pub(super) fn close(&mut self) {
        self.descriptor = None;
    }

    fn ended(error: Option<Errno>) -> Input {
        let error = error.map(std::io::Error::from);
        tracing::debug!(?error, "The console's input has ended");
        Input::Ended
    }
}
