//! The guest's output on its way to the host: a bounded buffer between vCPUs, which never wait, and a reader that may
//! be slow or absent.
//!
//! A byte that finds nothing before it, [`PAUSE`] or longer after the last writing, is written by its vCPU itself, where
//! the host lets us say "do not wait": sockets, and pipes since Linux 6.4. So whoever waits for the guest's first word, or
//! for the echo of a key, waits for no other thread. What follows within the pause is the event loop's.
//!
//! When [`CAPACITY`] bytes wait, the oldest are dropped: what a guest says last is what matters when it crashes.
//! Dropped bytes are counted; the first loss is logged
//! when it happens, their number when the console closes. Once nobody can read any more (the other end is
//! closed) everything is dropped uncounted.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two writings of output.
pub(super) const PAUSE: Duration = Duration::from_millis(1);
/// Bytes that wait for a reader at most.
pub(super) const CAPACITY: usize = 256 * 1024;
/// Bytes written at once where the host does not let us say "do not wait": a pipe that polls writable takes
/// PIPE_BUF of them.
const CHUNK: usize = 4096;
/// The same for terminals, which poll writable as long as fewer than 256 characters wait in them.
const TERMINAL_CHUNK: usize = 256;

/// How far writing got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Nothing waited.
    Nothing,
    /// Nothing is left.
    All,
    /// The descriptor takes nothing more now.
    Blocked,
    /// More is left than is written in one go.
    More,
    /// Nobody can read any more.
    Closed,
}

/// Bytes that wait for the writer.
#[derive(Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    dropped: u64,
    closed: bool,
}

struct Writer {
    descriptor: Option<OwnedFd>,
    kind: FileType,
    /// Taken out of the waiting bytes, not written yet.
    chunk: Vec<u8>,
    /// When it was last tried to write something.
    written: Option<Instant>,
    /// The host refuses to write this descriptor without waiting.
    may_wait: bool,
    loss_reported: bool,
}

/// The buffer and its descriptor. A vCPU waits for the lock of the waiting bytes only, which nobody holds during a
/// system call.
pub(super) struct Output {
    waiting: Mutex<Waiting>,
    writer: Mutex<Writer>,
}

impl Output {
    /// A buffer for `descriptor`; without one everything is dropped.
    ///
    /// # Errors
    /// The descriptor is none.
    pub(super) fn new(descriptor: Option<OwnedFd>) -> io::Result<Self> {
        let kind = match &descriptor {
            Some(descriptor) => FileType::from_raw_mode(fstat(descriptor)?.st_mode),
            None => FileType::Unknown,
        };
        let waiting = Waiting { closed: descriptor.is_none(), ..Waiting::default() };
        let writer =
            Writer { descriptor, kind, chunk: Vec::new(), written: None, may_wait: false, loss_reported: false };
        Ok(Self { waiting: Mutex::new(waiting), writer: Mutex::new(writer) })
    }

    /// Takes a byte from a vCPU; `true` when it is the first that waits, and the event loop has to be told.
    pub(super) fn put(&self, byte: u8) -> bool {
        if self.write_at_once(byte) {
            return false;
        }
        let mut waiting = self.waiting();
        if waiting.closed {
            return false;
        }
        let first = waiting.bytes.is_empty();
        if waiting.bytes.len() >= CAPACITY {
            waiting.bytes.pop_front();
            waiting.dropped += 1;
        }
        waiting.bytes.push_back(byte);
        first
    }

    /// Writes `byte` in the thread of its vCPU; `false`: it has to wait, for the end of the pause, for what came before
    /// it, or for the host.
    fn write_at_once(&self, byte: u8) -> bool {
        // Who holds it writes what came before.
        let Ok(mut writer) = self.writer.try_lock() else { return false };
        if writer.may_wait
            || !writer.chunk.is_empty()
            || writer.pause_left().is_some()
            || !self.waiting().bytes.is_empty()
        {
            return false;
        }
        let written = writer.write_at_once(byte);
        if written {
            writer.written = Some(Instant::now());
        }
        written
    }

    /// How long the next writing waits; `None`: it is time.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        self.writer().pause_left()
    }

    /// Bytes dropped because nobody read them in time.
    pub(super) fn dropped(&self) -> u64 {
        self.waiting().dropped
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting().bytes.len()
    }

    /// Writes what the descriptor takes without waiting, up to a bound.
    pub(super) fn write_ready(&self) -> Written {
        let mut writer = self.writer();
        let written = self.write_some(&mut writer);
        // Whoever calls may be woken for other things too, which must not make the next byte wait.
        if written != Written::Nothing {
            writer.written = Some(Instant::now());
        }
        written
    }

    fn write_some(&self, writer: &mut Writer) -> Written {
        const ROUNDS: usize = 64;
        if self.waiting().closed {
            return Written::Closed;
        }
        let mut written = Written::Nothing;
        for _ in 0..ROUNDS {
            if writer.chunk.is_empty() && !self.refill(writer) {
                return written;
            }
            match writer.write() {
                Ok(()) => written = Written::All,
                Err(Errno::AGAIN) => return Written::Blocked,
                Err(Errno::INTR) => {}
                Err(error) => {
                    self.give_up(writer, error);
                    return Written::Closed;
                }
            }
        }
        Written::More
    }

    /// Waits until more can be written, at most `timeout`; `false` when it passed.
    pub(super) fn wait_writable(&self, timeout: &Timespec) -> bool {
        // A descriptor of our own, so that the event loop need not wait for us.
        let Some(Ok(descriptor)) = self.writer().descriptor.as_ref().map(OwnedFd::try_clone) else { return false };
        let mut ready = [PollFd::new(&descriptor, PollFlags::OUT)];
        matches!(poll(&mut ready, Some(timeout)), Ok(1..) | Err(Errno::INTR))
    }

    /// The descriptor's number, to watch it.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.writer().descriptor.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Moves waiting bytes to the writer; `false` when there are none.
    fn refill(&self, writer: &mut Writer) -> bool {
        let mut waiting = self.waiting();
        let count = waiting.bytes.len().min(CHUNK);
        writer.chunk.extend(waiting.bytes.drain(..count));
        if waiting.bytes.is_empty() {
            // A buffer that was large once is not kept.
            waiting.bytes.shrink_to(CHUNK);
        }
        let dropped = waiting.dropped;
        drop(waiting);
        if dropped > 0 && !writer.loss_reported {
            writer.loss_reported = true;
            tracing::warn!(
                dropped,
                "Console output is read too slowly: its oldest bytes are dropped, now and whenever it happens again"
            );
        }
        !writer.chunk.is_empty()
    }

    /// Closes the descriptor, after [`Written::Closed`]. It must not be watched any more.
    pub(super) fn close(&self) {
        self.writer().descriptor = None;
    }

    fn give_up(&self, writer: &mut Writer, error: Errno) {
        let error = io::Error::from(error);
        tracing::info!(%error, "Nobody can read the console's output any more: it is dropped from now on");
        writer.chunk = Vec::new();
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.bytes = VecDeque::new();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn pause_left(&self) -> Option<Duration> {
        PAUSE.checked_sub(self.written?.elapsed()).filter(|left| !left.is_zero())
    }

    /// Writes a byte that came after all others, if the host takes it and is certain not to make us wait. Whatever is wrong
    /// with the descriptor, [`Writer::write`] finds it as well.
    fn write_at_once(&mut self, byte: u8) -> bool {
        let Some(descriptor) = &self.descriptor else { return false };
        let written = match self.kind {
            FileType::Socket => send(descriptor, &[byte], SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            _ => polled(descriptor.as_fd()).and_then(|()| {
                // This offset means the descriptor's own.
                pwritev2(descriptor, &[IoSlice::new(&[byte])], u64::MAX, ReadWriteFlags::NOWAIT)
            }),
        };
        self.may_wait = written == Err(Errno::OPNOTSUPP);
        written == Ok(1)
    }

    /// Writes some of the chunk without waiting.
    fn write(&mut self) -> rustix::io::Result<()> {
        let descriptor = self.descriptor.as_ref().ok_or(Errno::PIPE)?.as_fd();
        let written = match self.kind {
            FileType::Socket => send(descriptor, &self.chunk, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?,
            FileType::RegularFile => rustix::io::write(descriptor, &self.chunk)?,
            FileType::CharacterDevice => write_polled(descriptor, &self.chunk, TERMINAL_CHUNK)?,
            _ => write_polled(descriptor, &self.chunk, CHUNK)?,
        };
        self.chunk.drain(..written.min(self.chunk.len()));
        Ok(())
    }
}

/// Writes at most `limit` bytes where the descriptor is writable now. The descriptor's own blocking mode is its
/// owner's and is not changed: a terminal shares it with the shell.
fn write_polled(descriptor: BorrowedFd<'_>, bytes: &[u8], limit: usize) -> rustix::io::Result<usize> {
    polled(descriptor)?;
    let (chunk, _) = bytes.split_at(bytes.len().min(limit));
    rustix::io::write(descriptor, chunk)
}

/// Whether `descriptor` is writable now.
fn polled(descriptor: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut ready = [PollFd::new(&descriptor, PollFlags::OUT)];
    poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let [ready] = ready;
    let events = ready.revents();
    // A pipe without readers; writing would raise SIGPIPE.
    if events.contains(PollFlags::ERR) {
        return Err(Errno::PIPE);
    }
    if events.contains(PollFlags::OUT) { Ok(()) } else { Err(Errno::AGAIN) }
}
