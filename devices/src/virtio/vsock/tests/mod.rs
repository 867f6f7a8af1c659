//! The vsock device, as its driver and the host see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod closing;
mod connecting;
mod credit;
mod device;
mod limits;
mod model;
mod queues;

use super::connections::Connections;
use super::packet::{HOST_CID, Header, STREAM, op};
use super::*;
use crate::backend::vsock::VsockBackend;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

/// The guest's address.
const CID: u64 = 3;
/// What the guests of tests have room for, unless they say otherwise.
const GUEST_ROOM: u32 = 1000;

/// A host on which every port below 1000 is served.
struct FakeHost {
    event: OwnedFd,
    callers: Mutex<VecDeque<OwnedFd>>,
    /// The host's ends of the guest's connections.
    served: Mutex<VecDeque<UnixStream>>,
}

impl FakeHost {
    fn new() -> Arc<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        Arc::new(Self { event, callers: Mutex::default(), served: Mutex::default() })
    }

    /// Somebody connects, and says `line`.
    fn call(&self, line: &str) -> UnixStream {
        let (mut host, stream) = pair();
        host.write_all(line.as_bytes()).unwrap();
        self.callers.lock().unwrap().push_back(stream.into());
        rustix::io::write(&self.event, &1_u64.to_ne_bytes()).unwrap();
        host
    }

    /// The host's end of the next connection of the guest.
    fn serve(&self) -> UnixStream {
        self.served.lock().unwrap().pop_front().unwrap()
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let (host, stream) = UnixStream::pair().unwrap();
    host.set_nonblocking(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    (host, stream)
}

impl VsockBackend for FakeHost {
    fn listener(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    fn accept(&self) -> io::Result<OwnedFd> {
        Ok(self.callers.lock().unwrap().pop_front().ok_or(io::ErrorKind::WouldBlock)?)
    }

    fn connect(&self, port: u32) -> io::Result<OwnedFd> {
        if port >= 1000 {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (host, stream) = pair();
        self.served.lock().unwrap().push_back(host);
        Ok(stream.into())
    }
}

/// The connections of a device, with packets instead of queues.
struct Scene {
    host: Arc<FakeHost>,
    connections: Connections,
}

impl Scene {
    fn new() -> Self {
        let host = FakeHost::new();
        let connections = Connections::new("vsock0".into(), CID, Arc::clone(&host) as _).unwrap();
        Self { host, connections }
    }

    /// The guest sends a packet from its port `from` to the host's port `to`.
    fn send(&mut self, (from, to): (u32, u32), op: u16, flags: u32, payload: &[u8]) {
        let header = Header { op, flags, length: payload.len() as u32, ..header(from, to) };
        self.connections.receive(&header, payload);
    }

    /// The guest says how much it has taken.
    fn credit(&mut self, (from, to): (u32, u32), buf_alloc: u32, fwd_cnt: u32) {
        let header = Header { op: op::CREDIT_UPDATE, buf_alloc, fwd_cnt, ..header(from, to) };
        self.connections.receive(&header, &[]);
    }

    /// The next packet for the guest, with a buffer of `room` bytes behind its header.
    fn next_within(&mut self, room: usize) -> Option<(Header, Vec<u8>)> {
        self.connections.poll();
        let mut payload = vec![0; room];
        let header = self.connections.packet(&mut payload)?;
        payload.truncate(header.length as usize);
        Some((header, payload))
    }

    /// The next packet for the guest: what it does, its flags, its payload.
    fn next(&mut self) -> Option<(u16, u32, Vec<u8>)> {
        self.next_within(4096).map(|(header, payload)| (header.op, header.flags, payload))
    }

    /// Nothing wakes the worker.
    fn is_quiet(&self) -> bool {
        let events = self.connections.events().unwrap();
        let mut events = [PollFd::new(&events, PollFlags::IN)];
        rustix::event::poll(&mut events, Some(&Timespec::default())).unwrap() == 0
    }

    /// A connection from the guest's port to one that the host serves.
    fn connect(&mut self, ports: (u32, u32)) -> UnixStream {
        self.send(ports, op::REQUEST, 0, &[]);
        assert_eq!(self.next(), Some((op::RESPONSE, 0, vec![])));
        self.host.serve()
    }
}

/// A packet's header that only lacks what it does.
fn header(from: u32, to: u32) -> Header {
    Header {
        src_cid: CID,
        dst_cid: HOST_CID,
        src_port: from,
        dst_port: to,
        kind: STREAM,
        buf_alloc: GUEST_ROOM,
        ..Header::default()
    }
}

/// What can be read of `stream` now, and whether it ends there.
fn read(stream: &mut UnixStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => (bytes, true),
        // As after a stream whose other end was closed with something unread.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (bytes, true),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            (bytes, false)
        }
    }
}
