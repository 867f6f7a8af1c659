//! All connections of a device: between the packets of the guest's queues and the streams of the host.
//!
//! One epoll set watches every stream for its edges; it is what wakes the worker. The queues' handlers share this table
//! behind a lock that is theirs alone: as long as one worker serves both, nobody ever waits for it.

use super::connection::{Connection, Verdict};
use super::credit::ROOM;
use super::greeting::{self, Greeting};
use super::packet::{HOST_CID, Header, STREAM, op};
use super::token::{Key, NO_PORT, Token};
use crate::backend::vsock::VsockBackend;
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Connections of one device, those included whose host has not said yet where to.
pub(super) const MAX_CONNECTIONS: usize = 1024;
/// Resets of unknown connections that wait for the guest's buffers; then its packets wait too.
pub(super) const MAX_RESETS: usize = 256;
/// The first port of the host that is given to those who connect from there.
const FIRST_PORT: u32 = 1 << 30;

/// What the edges of a stream tell.
const STREAM_EVENTS: EventFlags = EventFlags::IN.union(EventFlags::OUT).union(EventFlags::RDHUP).union(EventFlags::ET);

/// The connections of a device that is active.
pub(super) struct Connections {
    id: DeviceId,
    guest_cid: u64,
    backend: Arc<dyn VsockBackend>,
    epoll: OwnedFd,
    bell: OwnedFd,
    /// Wakes whoever takes the guest's packets, once there is room for the answers.
    resume: Arc<OwnedFd>,
    /// The guest's packets wait for that.
    stalled: bool,
    by_key: BTreeMap<Key, Connection>,
    greetings: BTreeMap<u32, OwnedFd>,
    /// Connections that have packets for the guest.
    ready: BTreeSet<Key>,
    /// Whose turn it was last: they take turns in the order of their keys.
    last: Key,
    resets: VecDeque<Header>,
    /// Somebody may be waiting to be accepted.
    callers: bool,
    next_port: u32,
    log: LogLimit,
}

impl Connections {
    /// None yet, between the guest `guest_cid` and `backend`.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub(super) fn new(id: DeviceId, guest_cid: u64, backend: Arc<dyn VsockBackend>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let resume = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let edges = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, backend.listener(), data(Token::Listener), edges)?;
        epoll::add(&epoll, &bell, data(Token::Bell), edges)?;
        Ok(Self {
            id,
            guest_cid,
            backend,
            epoll,
            bell,
            resume,
            stalled: false,
            by_key: BTreeMap::new(),
            greetings: BTreeMap::new(),
            ready: BTreeSet::new(),
            last: Key { host: 0, guest: 0 },
            resets: VecDeque::new(),
            callers: true,
            next_port: FIRST_PORT,
            log: LogLimit::default(),
        })
    }

    /// Becomes readable when something is to be done for the guest.
    pub(super) fn events(&self) -> io::Result<OwnedFd> {
        self.epoll.try_clone()
    }

    /// Becomes readable when the guest's packets can be taken again.
    pub(super) fn resumption(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.resume)
    }

    /// Wakes whoever gives the guest its packets, if the guest's own packets have made that necessary.
    pub(super) fn ring_bell(&self) {
        if self.has_packets() || self.callers && self.has_room() {
            ring(&self.bell);
        }
    }

    /// The guest's packets must wait: there are too many answers already. They are asked for again.
    pub(super) fn is_full(&mut self) -> bool {
        self.stalled = self.resets.len() >= MAX_RESETS;
        self.stalled
    }

    /// There are packets for the guest.
    pub(super) fn has_packets(&self) -> bool {
        !self.resets.is_empty() || !self.ready.is_empty()
    }

    /// Looks at everything that has stirred on the host's side.
    pub(super) fn poll(&mut self) {
        let mut events = [MaybeUninit::<Event>::uninit(); 64];
        loop {
            let stirred = match epoll::wait(&self.epoll, &mut events, Some(&Timespec::default())) {
                Ok((stirred, _)) => stirred,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return, // only a programming error can be the reason
            };
            let count = stirred.len();
            for event in stirred {
                let (flags, token) = (event.flags, event.data.u64());
                self.stirred(Token::from_u64(token), flags);
            }
            if count < 64 {
                break;
            }
        }
        self.accept();
    }

    fn stirred(&mut self, token: Token, flags: EventFlags) {
        match token {
            Token::Bell => {}
            Token::Listener => self.callers = true,
            Token::Greeting(port) => self.greet(port, flags.intersects(EventFlags::RDHUP | EventFlags::HUP)),
            Token::Connection(key) => {
                let Some(connection) = self.by_key.get_mut(&key) else { return };
                let readable = flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::ERR);
                connection.stirred(readable, flags.contains(EventFlags::OUT), flags.contains(EventFlags::HUP));
                self.settle(key);
            }
        }
    }

    /// Takes those who want to be connected, as long as there is room for them.
    fn accept(&mut self) {
        while self.callers && self.has_room() {
            match self.backend.accept() {
                Ok(stream) => {
                    let Some(port) = self.free_port() else { return };
                    match epoll::add(&self.epoll, &stream, data(Token::Greeting(port)), STREAM_EVENTS) {
                        Ok(()) => {
                            self.greetings.insert(port, stream);
                            self.greet(port, false);
                        }
                        Err(errno) => self.refused("A connection of the host cannot be watched", &errno.into()),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.callers = false;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        self.refused("A connection of the host cannot be accepted: see `ulimit -n`", &error);
                    }
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        self.by_key.len() + self.greetings.len() < MAX_CONNECTIONS
    }

    /// A port of the host that nobody uses.
    fn free_port(&mut self) -> Option<u32> {
        for _ in 0..=MAX_CONNECTIONS {
            let port = self.next_port;
            self.next_port = if port == NO_PORT - 1 { FIRST_PORT } else { port + 1 };
            let from = Key { host: port, guest: 0 };
            let to = Key { host: port, guest: NO_PORT };
            if !self.greetings.contains_key(&port) && self.by_key.range(from..=to).next().is_none() {
                return Some(port);
            }
        }
        None
    }

    /// Somebody says where to.
    fn greet(&mut self, port: u32, ended: bool) {
        let Some(stream) = self.greetings.get(&port) else { return };
        let guest = match greeting::read(stream.as_fd()) {
            Greeting::Port(guest) if guest != NO_PORT => guest,
            Greeting::Incomplete if !ended => return,
            _ => return drop(self.greetings.remove(&port)),
        };
        let Some(stream) = self.greetings.remove(&port) else { return };
        let key = Key { host: port, guest };
        // The modification asks again for what has come already.
        if epoll::modify(&self.epoll, &stream, data(Token::Connection(key)), STREAM_EVENTS).is_ok() {
            self.by_key.insert(key, Connection::requested(stream));
            self.settle(key);
        }
    }

    /// A packet of the guest.
    pub(super) fn receive(&mut self, header: &Header, payload: &[u8]) {
        let key = Key { host: header.dst_port, guest: header.src_port };
        let addressed = (header.src_cid, header.dst_cid, header.kind) == (self.guest_cid, HOST_CID, STREAM);
        if !addressed {
            return self.reset(header);
        }
        let known = self.by_key.get_mut(&key).filter(|connection| !connection.is_over());
        match known.map(|connection| connection.receive(header, payload)) {
            Some(Verdict::Fine) => self.settle(key),
            Some(Verdict::Broken) => self.refuse(header),
            None if header.op == op::REQUEST => self.connect(header, key),
            None => self.reset(header),
        }
    }

    /// Answers a packet that nothing can be made of; a connection that it belongs to is over.
    pub(super) fn refuse(&mut self, header: &Header) {
        self.drop_connection(Key { host: header.dst_port, guest: header.src_port });
        self.reset(header);
    }

    /// The guest wants to be connected to the host.
    fn connect(&mut self, header: &Header, key: Key) {
        // One that is over goes on for its host's sake only.
        self.drop_connection(key);
        if key.host == NO_PORT || key.guest == NO_PORT || self.greetings.contains_key(&key.host) {
            return self.reset(header);
        }
        if !self.has_room() {
            let full = io::Error::other(format!("it has {MAX_CONNECTIONS} connections, which is the limit"));
            self.refused("A connection of the guest is refused", &full);
            return self.reset(header);
        }
        let watched = self.backend.connect(key.host).and_then(|stream| {
            epoll::add(&self.epoll, &stream, data(Token::Connection(key)), STREAM_EVENTS)?;
            Ok(stream)
        });
        match watched {
            Ok(stream) => {
                self.by_key.insert(key, Connection::accepted(stream, header));
                self.settle(key);
            }
            Err(error) => {
                if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
                    self.refused("A connection of the guest cannot be made", &error);
                }
                self.reset(header);
            }
        }
    }

    /// Answers `header` by a reset, unless it is one.
    fn reset(&mut self, header: &Header) {
        if header.op != op::RST && self.resets.len() < MAX_RESETS {
            let (src_cid, src_port, dst_port) = (header.dst_cid, header.dst_port, header.src_port);
            let reset = Header {
                src_cid,
                dst_cid: self.guest_cid,
                src_port,
                dst_port,
                kind: header.kind,
                op: op::RST,
                ..Header::default()
            };
            self.resets.push_back(reset);
        }
    }

    /// A connection has changed: it gets its turn, or is dropped.
    fn settle(&mut self, key: Key) {
        let Some(connection) = self.by_key.get_mut(&key) else { return };
        if connection.is_done() {
            self.drop_connection(key);
        } else if connection.has_packet() {
            self.ready.insert(key);
        }
    }

    fn drop_connection(&mut self, key: Key) {
        self.by_key.remove(&key);
        self.ready.remove(&key);
    }

    /// Whose turn it is.
    fn next_ready(&mut self) -> Option<Key> {
        let after = (Bound::Excluded(self.last), Bound::Unbounded);
        let next = self.ready.range(after).next().or_else(|| self.ready.first()).copied()?;
        self.ready.remove(&next);
        self.last = next;
        Some(next)
    }

    /// The next packet for the guest; its payload, whose length the header has, is at the start of `payload`.
    pub(super) fn packet(&mut self, payload: &mut [u8]) -> Option<Header> {
        if let Some(reset) = self.resets.pop_front() {
            if std::mem::take(&mut self.stalled) {
                ring(&self.resume);
            }
            return Some(reset);
        }
        while let Some(key) = self.next_ready() {
            let Some(connection) = self.by_key.get_mut(&key) else { continue };
            let packet = connection.packet(payload);
            self.settle(key);
            if let Some(packet) = packet {
                return Some(Header {
                    src_cid: HOST_CID,
                    dst_cid: self.guest_cid,
                    src_port: key.host,
                    dst_port: key.guest,
                    length: packet.length,
                    kind: STREAM,
                    op: packet.op,
                    flags: packet.flags,
                    buf_alloc: ROOM,
                    fwd_cnt: packet.fwd_cnt,
                });
            }
        }
        None
    }

    /// Logs what the host refuses, which may happen at every packet.
    fn refused(&self, what: &'static str, error: &io::Error) {
        if let Some(suppressed) = self.log.allow() {
            tracing::warn!(device = %self.id, suppressed, error = error as &dyn std::error::Error, "{what}");
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len() + self.greetings.len()
    }
}

/// Raises an event that is watched for its edges, and never read.
fn ring(event: &OwnedFd) {
    // It fails only after 2^64 times.
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}

fn data(token: Token) -> EventData {
    EventData::new_u64(token.to_u64())
}
