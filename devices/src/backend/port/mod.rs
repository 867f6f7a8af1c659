//! The host's end of a console port: a pair of descriptors, or a Unix socket that is listened on.

mod client;
mod events;
mod listener;
mod stream;

use client::Client;
use events::Events;
use listener::Listener;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use stream::Stream;

/// One end. Nothing here blocks.
#[derive(Debug)]
pub struct PortEnd {
    kind: Kind,
    events: Events,
}

#[derive(Debug)]
enum Kind {
    Stream(Stream),
    Listener(Listener),
}

impl PortEnd {
    /// Bytes come from `input` and go to `output`, if they are there; the end is always open.
    ///
    /// # Errors
    /// The descriptors cannot be watched.
    pub fn stream(input: Option<OwnedFd>, output: Option<OwnedFd>) -> io::Result<Self> {
        let events = Events::new()?;
        let stream = Stream::new(input, output, &events)?;
        Ok(Self { kind: Kind::Stream(stream), events })
    }

    /// One client of `listener` after the other; the end is open while there is one.
    ///
    /// # Errors
    /// It is no socket that listens, or cannot be watched.
    pub fn listener(listener: OwnedFd) -> io::Result<Self> {
        let events = Events::new()?;
        let listener = Listener::new(listener, &events)?;
        Ok(Self { kind: Kind::Listener(listener), events })
    }

    /// Becomes readable when something has changed, which [`PortEnd::poll`] then finds.
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.descriptor()
    }

    /// Makes [`PortEnd::events`] readable.
    pub fn wake(&self) {
        self.events.wake();
    }

    /// Looks at what has changed. `reading`: what comes is going to be read, so that a client who has gone is there
    /// until it was.
    pub fn poll(&mut self, reading: bool) {
        match &mut self.kind {
            Kind::Stream(stream) => stream.stirred(self.events.take()),
            Kind::Listener(listener) => listener.stirred(self.events.take(), reading, &self.events),
        }
    }

    /// Somebody is there.
    pub fn is_open(&self) -> bool {
        match &self.kind {
            Kind::Stream(_) => true,
            Kind::Listener(listener) => listener.client().is_some(),
        }
    }

    /// There may be something to read.
    pub fn is_readable(&self) -> bool {
        match &self.kind {
            Kind::Stream(stream) => stream.is_readable(),
            Kind::Listener(listener) => listener.client().is_some_and(Client::is_readable),
        }
    }

    /// There may be room for more.
    pub fn is_writable(&self) -> bool {
        match &self.kind {
            Kind::Stream(stream) => stream.is_writable(),
            Kind::Listener(listener) => listener.client().is_none_or(Client::is_writable),
        }
    }

    /// Reads what there is; zero bytes: nothing now.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        match &mut self.kind {
            Kind::Stream(stream) => stream.read(bytes),
            Kind::Listener(listener) => listener.read(bytes, &self.events),
        }
    }

    /// Writes as much as there is room for; how many bytes are done with. With nobody there, all of them are: they
    /// are lost.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        match &mut self.kind {
            Kind::Stream(stream) => stream.write(bytes),
            Kind::Listener(listener) => listener.write(bytes, &self.events),
        }
    }
}

#[cfg(test)]
mod tests;
