//! Moves bytes between the machine and one client at a time, who may leave and come back.
//!
//! ```text
//!                 rings, answer()
//!   nobody ───────────────────────────► connected
//!   output is discarded                 output waits for the client (bounded: the machine drops what
//!          ◄─────────────────────────── does not fit), input waits for the guest
//!                 client closes
//! ```
//!
//! All descriptors are the launcher's own and non-blocking, so that one thread does it all.

use super::pipes::{CHUNK, HostEnds};
use super::pumps::Pumps;
use super::ready::wait;
use rustix::event::PollFlags;
use rustix::io::{Errno, read, write};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a client that takes nothing can hold up the end; shorter than the threads are waited for.
const STALL: Duration = Duration::from_secs(2);

/// How long a client rings unheard when the host has nothing to answer with.
const DEAF: Duration = Duration::from_millis(250);

/// What comes of a ringing doorbell.
pub(super) enum Answer {
    /// A client, non-blocking for reading and writing.
    Client(OwnedFd),
    /// Whoever rang has gone, or was sent away.
    Nobody,
    /// It goes on ringing, but the host lacks something (a descriptor, memory) to answer with.
    Unable,
}

/// Where clients come from.
pub(super) trait Port: Send + 'static {
    /// Readable when there may be a client.
    fn doorbell(&self) -> BorrowedFd<'_>;

    /// Answers the doorbell; a client that rings while another is connected (`busy`) is sent away.
    fn answer(&mut self, busy: bool) -> Answer;

    /// Waits until the client has read what was written, where closing would lose it.
    fn settle(&self, _limit: Duration) {}
}

/// Starts the thread.
///
/// # Errors
/// The host has no room for one.
pub(super) fn start(pumps: &mut Pumps, port: impl Port, host: HostEnds) -> io::Result<()> {
    pumps.spawn("console", move |stop| {
        // The host refuses to wait: there is no console any more, and the machine goes on without.
        let _ = Relay::new(port, host).run(stop);
    })
}

struct Client {
    fd: OwnedFd,
    /// It may still send; a client that has shut down its side can go on reading.
    sends: bool,
    /// It has closed. What it sent before is still there.
    hung_up: bool,
}

struct Relay<P> {
    port: P,
    host: HostEnds,
    client: Option<Client>,
    to_guest: Vec<u8>,
    to_client: Vec<u8>,
    /// Until when the doorbell is not listened to.
    deaf_until: Option<Instant>,
}

/// Whether the machine still has its end.
#[derive(Debug, PartialEq, Eq)]
enum Machine {
    There,
    Gone,
}

impl<P: Port> Relay<P> {
    fn new(port: P, host: HostEnds) -> Self {
        Self { port, host, client: None, to_guest: Vec::new(), to_client: Vec::new(), deaf_until: None }
    }

    fn run(mut self, stop: &OwnedFd) -> Result<(), Errno> {
        loop {
            if !self.wait(stop)? {
                break;
            }
            self.read_client();
            self.write_guest();
            if self.read_guest() == Machine::Gone {
                break;
            }
            self.write_client();
        }
        self.flush()
    }

    /// Waits for something to do; `false`: the end was asked for.
    fn wait(&mut self, stop: &OwnedFd) -> Result<bool, Errno> {
        let deaf_for = self.deaf_for();
        let (guest_waits, client_waits) = (self.to_guest.is_empty(), self.to_client.is_empty());
        // A client that has hung up says so for ever: it is left alone until there is room for its last words.
        let client = self.client.as_ref().filter(|client| !client.hung_up || guest_waits).map(|client| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, client.sends && guest_waits);
            flags.set(PollFlags::OUT, !client_waits);
            (client.fd.as_fd(), flags)
        });
        let [stopped, rings, _, _, client] = wait(
            [
                Some((stop.as_fd(), PollFlags::IN)),
                deaf_for.is_none().then(|| (self.port.doorbell(), PollFlags::IN)),
                client_waits.then(|| (self.host.from_guest.as_fd(), PollFlags::IN)),
                (!guest_waits).then(|| (self.host.to_guest.as_fd(), PollFlags::OUT)),
                client,
            ],
            deaf_for,
        )?;
        if let Some(current) = &mut self.client
            && client.intersects(PollFlags::HUP | PollFlags::ERR)
        {
            current.hung_up = true;
        }
        if !rings.is_empty() {
            let busy = self.client.as_ref().is_some_and(|client| !client.hung_up);
            match self.port.answer(busy) {
                Answer::Client(fd) => {
                    self.to_client.clear();
                    self.client = Some(Client { fd, sends: true, hung_up: false });
                }
                Answer::Nobody => {}
                Answer::Unable => self.deaf_until = Some(Instant::now() + DEAF),
            }
        }
        Ok(stopped.is_empty())
    }

    /// For how long the doorbell is still not listened to.
    fn deaf_for(&mut self) -> Option<Duration> {
        let left = self.deaf_until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        if left.is_none() {
            self.deaf_until = None;
        }
        left
    }

    fn read_client(&mut self) {
        let Some(client) = &mut self.client else { return };
        if client.sends && self.to_guest.is_empty() {
            let mut chunk = [0; CHUNK];
            match read(&client.fd, &mut chunk) {
                Ok(0) => client.sends = false,
                Ok(length) => self.to_guest.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(Errno::AGAIN) if client.hung_up => client.sends = false,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => (client.sends, client.hung_up) = (false, true),
            }
        }
        if client.hung_up && !client.sends {
            self.disconnect();
        }
    }

    fn write_guest(&mut self) {
        if !self.to_guest.is_empty() {
            match write(&self.host.to_guest, &self.to_guest) {
                Ok(length) => drop(self.to_guest.drain(..length)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.to_guest.clear(), // the machine is going
            }
        }
    }

    /// Takes output when there is room for it; with nobody connected it is discarded.
    fn read_guest(&mut self) -> Machine {
        if !self.to_client.is_empty() {
            return Machine::There;
        }
        let mut chunk = [0; CHUNK];
        match read(&self.host.from_guest, &mut chunk) {
            Ok(0) => return Machine::Gone,
            Ok(length) if self.client.is_some() => {
                self.to_client.extend_from_slice(chunk.get(..length).unwrap_or_default());
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Machine::Gone,
        }
        Machine::There
    }

    fn write_client(&mut self) {
        let Some(client) = &self.client else { return };
        if !self.to_client.is_empty() {
            match write(&client.fd, &self.to_client) {
                Ok(length) => drop(self.to_client.drain(..length)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.disconnect(),
            }
        }
    }

    fn disconnect(&mut self) {
        self.client = None;
        self.to_client.clear();
    }

    /// Brings out what is left, as long as the client takes it.
    fn flush(&mut self) -> Result<(), Errno> {
        while self.client.is_some() {
            if self.to_client.is_empty() {
                self.read_guest();
            }
            let Some(client) = self.client.as_ref().filter(|_| !self.to_client.is_empty()) else { break };
            let [room] = wait([Some((client.fd.as_fd(), PollFlags::OUT))], Some(STALL))?;
            if room.is_empty() {
                return Ok(()); // it takes nothing
            }
            self.write_client();
        }
        if self.client.is_some() {
            self.port.settle(STALL);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
