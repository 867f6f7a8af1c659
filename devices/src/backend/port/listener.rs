//! A Unix socket that is listened on: one client after the other.

use super::client::Client;
use super::events::{Events, Source, Stirred};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{SocketFlags, accept_with, sockopt};
use std::io;
use std::os::fd::OwnedFd;

/// The socket, and who is connected. Others wait in the socket's queue.
#[derive(Debug)]
pub(super) struct Listener {
    listener: OwnedFd,
    client: Option<Client>,
    /// Somebody may be waiting.
    callers: bool,
}

impl Listener {
    pub(super) fn new(listener: OwnedFd, events: &Events) -> io::Result<Self> {
        if !sockopt::socket_acceptconn(&listener)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a socket that does not listen"));
        }
        fcntl_setfl(&listener, fcntl_getfl(&listener)? | OFlags::NONBLOCK)?;
        events.watch(&listener, Source::Listener)?;
        Ok(Self { listener, client: None, callers: true })
    }

    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    pub(super) fn stirred(&mut self, stirred: Stirred, reading: bool, events: &Events) {
        self.callers |= stirred.callers;
        if let Some(client) = &mut self.client {
            client.stirred(stirred.readable, stirred.writable, stirred.closed);
        }
        self.change(reading, events);
    }

    /// Lets a client go that has gone, and takes the next.
    fn change(&mut self, reading: bool, events: &Events) {
        self.client.take_if(|client| client.is_gone(reading));
        while self.callers && self.client.is_none() {
            match accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(stream) => {
                    if events.watch(&stream, Source::Client).is_ok() {
                        self.client = Some(Client::new(stream));
                    }
                }
                // Whoever waits without our having a descriptor is looked at when the next one comes.
                Err(_) => self.callers = false,
            }
        }
    }

    pub(super) fn read(&mut self, bytes: &mut [u8], events: &Events) -> usize {
        let count = self.client.as_mut().map_or(0, |client| client.read(bytes));
        if count == 0 {
            self.lose(events);
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], events: &Events) -> usize {
        let Some(client) = &mut self.client else { return bytes.len() };
        let count = client.write(bytes);
        self.lose(events);
        count
    }

    /// Has somebody look again, if the client has gone: the guest has to be told.
    fn lose(&mut self, events: &Events) {
        if self.client.as_ref().is_some_and(|client| client.is_gone(true)) {
            self.client = None;
            events.wake();
        }
    }
}
