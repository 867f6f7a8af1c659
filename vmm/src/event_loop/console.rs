//! A console: the host's end of a serial port. It stays when the machine is reset and its serial port is made anew.
//!
//! ```text
//!  vCPU ── Serial ── output ──► bounded buffer ──► event loop ──► descriptor
//!            ▲                                                        │
//!            └── receive, while connected and there is room ◄── event loop
//! ```
//!
//! Output is written at once when the last writing is [`PAUSE`] or longer ago, by the vCPU itself where it cannot be made
//! to wait, else when that much has passed: a guest that prints byte by byte costs two wake-ups a millisecond and not one
//! for each byte.

use super::EventLoopError;
use super::input::{Input, Source};
use super::output::{Output, PAUSE, Written};
use devices::legacy::{Serial, SerialHost};
use event_manager::{EventOps, Events, MutEventSubscriber};
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// How often input is moved before other events have their turn.
const INPUT_ROUNDS: usize = 16;

/// Told of the guest's first byte of output, in the thread of its vCPU.
pub(crate) type FirstOutput = Box<dyn Fn() + Send + Sync>;

/// The host's end of a serial port.
pub(crate) struct Console {
    /// The port that gets input now.
    port: Mutex<Weak<Serial>>,
    pub(super) output: Output,
    /// Wakes the event loop: output waits, or input may have room again.
    wake: EventFd,
    first: Once,
    first_output: FirstOutput,
}

impl Console {
    /// A console that reads `input` and writes `output`, and what the event loop does for it; no port is connected yet.
    /// `first_output` is called once in the console's life.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub(crate) fn new(
        input: Option<OwnedFd>,
        output: Option<OwnedFd>,
        first_output: FirstOutput,
    ) -> Result<(Arc<Self>, ConsoleEvents), EventLoopError> {
        let wake = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).map_err(EventLoopError::Host)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map_err(|error| EventLoopError::Host(error.into()))?;
        let console = Arc::new(Self {
            port: Mutex::new(Weak::new()),
            output: Output::new(output).map_err(EventLoopError::Host)?,
            wake,
            first: Once::new(),
            first_output,
        });
        let events = ConsoleEvents {
            console: Arc::clone(&console),
            source: Source::new(input),
            timer,
            waits: false,
            watched_input: None,
            watched_output: None,
        };
        Ok((console, events))
    }

    /// Gives input to `port` from now on.
    pub(crate) fn connect(&self, port: &Arc<Serial>) {
        *self.port() = Arc::downgrade(port);
        self.wake();
    }

    /// Gives input to no port. When it returns the last one has got all it will get: its state can be read.
    pub(crate) fn disconnect(&self) {
        *self.port() = Weak::new();
    }

    /// Writes the output that waits, for `timeout` at most; `false` when some is left.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            match self.output.write_ready() {
                Written::Nothing | Written::All | Written::Closed => return true,
                Written::More => {}
                Written::Blocked => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let Ok(left) = Timespec::try_from(left) else { return false };
                    if !self.output.wait_writable(&left) {
                        return false;
                    }
                }
            }
            if Instant::now() >= deadline {
                return false;
            }
        }
    }

    fn wake(&self) {
        // Fails only where the counter is full: then the loop is about to wake anyway.
        self.wake.write(1).unwrap_or_default();
    }

    fn port(&self) -> MutexGuard<'_, Weak<Serial>> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let dropped = self.output.dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "Bytes of console output were dropped because nobody read them in time");
        }
    }
}

impl SerialHost for Console {
    fn output(&self, byte: u8) {
        self.first.call_once(|| (self.first_output)());
        if self.output.put(byte) {
            self.wake();
        }
    }

    fn input_wanted(&self) {
        self.wake();
    }
}

/// The event loop's part of a console.
pub(crate) struct ConsoleEvents {
    console: Arc<Console>,
    source: Source,
    timer: OwnedFd,
    /// The timer is set.
    waits: bool,
    watched_input: Option<RawFd>,
    watched_output: Option<RawFd>,
}

impl ConsoleEvents {
    /// Moves input while there is some and the guest has room for it; watches for more, or stops watching.
    fn move_input(&mut self, ops: &mut EventOps<'_>) {
        for _ in 0..INPUT_ROUNDS {
            let room = self.console.port().upgrade().map_or(0, |port| port.room());
            if room == 0 {
                return unwatch(ops, &mut self.watched_input);
            }
            match self.source.fill(room) {
                Input::Some => {
                    // The port may have changed, or be disconnected, since it was asked for room.
                    let port = self.console.port();
                    if let Some(port) = port.upgrade() {
                        self.source.deliver(|bytes| port.receive(bytes));
                    }
                }
                Input::Nothing => return self.watch_input(ops),
                Input::Ended => {
                    unwatch(ops, &mut self.watched_input);
                    return self.source.close();
                }
            }
        }
        self.console.wake();
    }

    fn watch_input(&mut self, ops: &mut EventOps<'_>) {
        if self.watched_input.is_none() {
            self.watched_input = watch(ops, self.source.descriptor(), EventSet::IN);
        }
    }

    /// Writes output that waits, unless some was just written.
    fn output_waits(&mut self, ops: &mut EventOps<'_>) {
        match self.console.output.pause_left() {
            None => self.write_output(ops),
            Some(left) if !self.waits => self.set_timer(left),
            Some(_) => {}
        }
    }

    fn write_output(&mut self, ops: &mut EventOps<'_>) {
        let output = &self.console.output;
        match output.write_ready() {
            Written::Blocked => {
                if self.watched_output.is_none() {
                    self.watched_output = watch(ops, output.descriptor(), EventSet::OUT);
                }
                // What cannot be watched is tried again.
                if self.watched_output.is_none() {
                    self.set_timer(PAUSE);
                }
            }
            Written::Nothing | Written::All => unwatch(ops, &mut self.watched_output),
            Written::Closed => {
                unwatch(ops, &mut self.watched_output);
                output.close();
            }
            Written::More => self.console.wake(),
        }
    }

    fn set_timer(&mut self, left: Duration) {
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            // Less than PAUSE: fits.
            it_value: Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() },
        };
        // Cannot fail: the descriptor is a timer and the time is valid.
        self.waits = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).is_ok();
    }

    fn timer_rang(&mut self, ops: &mut EventOps<'_>) {
        let mut count = [0; 8];
        // Only resets the descriptor.
        rustix::io::read(&self.timer, &mut count).unwrap_or_default();
        self.waits = false;
        self.write_output(ops);
    }
}

impl MutEventSubscriber for ConsoleEvents {
    fn init(&mut self, ops: &mut EventOps<'_>) {
        for descriptor in [self.console.wake.as_raw_fd(), self.timer.as_raw_fd()] {
            watch(ops, Some(descriptor), EventSet::IN);
        }
    }

    fn process(&mut self, events: Events, ops: &mut EventOps<'_>) {
        let descriptor = events.fd();
        if descriptor == self.console.wake.as_raw_fd() {
            // Only resets the descriptor.
            self.console.wake.read().unwrap_or_default();
            self.output_waits(ops);
            self.move_input(ops);
        } else if descriptor == self.timer.as_raw_fd() {
            self.timer_rang(ops);
        } else if Some(descriptor) == self.watched_input {
            self.move_input(ops);
        } else if Some(descriptor) == self.watched_output {
            self.write_output(ops);
        }
    }
}

/// Watches `descriptor` and returns it. One that cannot be watched (a file) is always ready and never waited for.
fn watch(ops: &mut EventOps<'_>, descriptor: Option<RawFd>, set: EventSet) -> Option<RawFd> {
    let descriptor = descriptor?;
    match ops.add(Events::new_raw(descriptor, set)) {
        Ok(()) => Some(descriptor),
        Err(error) => {
            if !matches!(&error, event_manager::Error::Epoll(errno) if errno.errno() == Errno::PERM.raw_os_error()) {
                tracing::warn!(%error, descriptor, "A console's descriptor cannot be watched");
            }
            None
        }
    }
}

/// Stops watching, before the descriptor is closed.
fn unwatch(ops: &mut EventOps<'_>, watched: &mut Option<RawFd>) {
    if let Some(descriptor) = watched.take()
        && let Err(error) = ops.remove(Events::empty_raw(descriptor))
    {
        tracing::debug!(%error, descriptor, "A console's descriptor was not watched");
    }
}
