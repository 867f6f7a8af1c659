//! One connection: a stream of the host, and what the guest's packets make of it.
//!
//! ```text
//!  host: CONNECT ──► Requested ── RESPONSE ──► Established ◄── REQUEST :guest
//!                        │                         │ RST, or both have shut down
//!                        │ RST                     ▼
//!                        └──────────────────────► Over
//! ```
//!
//! What the host does not take at once waits here, no more than the guest has credit for. Over is a connection whose
//! guest has gone, or has been told so: the host still gets what the guest sent before it closed in order.

use super::credit::Credit;
use super::packet::{Header, Shutdown, op};
use bitflags::bitflags;
use rustix::io::Errno;
use rustix::net::{self, SendFlags};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// Where the connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Requested,
    Established,
    Over,
}

bitflags! {
    /// Packets that the guest is to get, besides data.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Pending: u8 {
        const REQUEST = 1;
        const RESPONSE = 2;
        const SHUTDOWN = 4;
        const CREDIT_UPDATE = 8;
        const RST = 16;
    }
}

/// A packet for the guest, as far as the connection knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) op: u16,
    pub(super) flags: u32,
    /// Bytes of the payload.
    pub(super) length: u32,
    pub(super) fwd_cnt: u32,
}

/// One connection.
pub(super) struct Connection {
    stream: OwnedFd,
    phase: Phase,
    pending: Pending,
    credit: Credit,
    /// The guest was asked for credit, and has not answered.
    credit_requested: bool,
    /// The stream had bytes, or its end, when it was last looked at.
    readable: bool,
    /// The stream had room when it was last looked at.
    writable: bool,
    /// What the host has not taken yet.
    to_host: VecDeque<u8>,
    /// What the guest will not do any more.
    guest: Shutdown,
    /// What the host will not do any more.
    host: Shutdown,
    /// The host was told that nothing comes any more. Once: each time is an event of the stream.
    ended: bool,
}

impl Connection {
    fn new(stream: OwnedFd, phase: Phase, pending: Pending) -> Self {
        Self {
            stream,
            phase,
            pending,
            credit: Credit::default(),
            credit_requested: false,
            readable: false,
            writable: true,
            to_host: VecDeque::new(),
            guest: Shutdown::empty(),
            host: Shutdown::empty(),
            ended: false,
        }
    }

    /// The guest has connected to `stream`.
    pub(super) fn accepted(stream: OwnedFd, request: &Header) -> Self {
        let mut connection = Self::new(stream, Phase::Established, Pending::RESPONSE);
        connection.credit.update(request.buf_alloc, request.fwd_cnt);
        connection
    }

    /// The host wants to be connected to the guest.
    pub(super) fn requested(stream: OwnedFd) -> Self {
        Self::new(stream, Phase::Requested, Pending::REQUEST)
    }

    /// The guest knows nothing of it any more.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Nobody needs it any more.
    pub(super) fn is_done(&self) -> bool {
        self.is_over() && self.to_host.is_empty() && self.pending.is_empty()
    }

    /// The stream has changed: bytes or its end, room, both directions closed.
    pub(super) fn stirred(&mut self, readable: bool, writable: bool, closed: bool) {
        self.readable |= readable || closed;
        self.writable |= writable || closed;
        if closed && !self.host.contains(Shutdown::RECEIVE) {
            self.host |= Shutdown::RECEIVE;
            // What the host has sent before comes first: its end will tell both.
            if self.host.contains(Shutdown::SEND) {
                self.tell_shutdown();
            }
        }
        self.flush();
    }

    /// There is a packet for the guest.
    pub(super) fn has_packet(&self) -> bool {
        !self.pending.is_empty() || self.may_read() && (self.credit.available() > 0 || !self.credit_requested)
    }

    fn may_read(&self) -> bool {
        let open = !self.host.contains(Shutdown::SEND) && !self.guest.contains(Shutdown::RECEIVE);
        self.phase == Phase::Established && self.readable && open
    }

    /// The next packet for the guest, its payload at the start of `payload`.
    pub(super) fn packet(&mut self, payload: &mut [u8]) -> Option<Packet> {
        let first = [
            (Pending::RST, op::RST),
            (Pending::REQUEST, op::REQUEST),
            (Pending::RESPONSE, op::RESPONSE),
            (Pending::SHUTDOWN, op::SHUTDOWN),
        ];
        for (pending, op) in first {
            if self.pending.contains(pending) {
                self.pending.remove(pending);
                let flags = if op == op::SHUTDOWN { self.host.bits() } else { 0 };
                return Some(self.make(op, flags, 0));
            }
        }
        if self.may_read() {
            let room = usize::try_from(self.credit.available()).unwrap_or(usize::MAX).min(payload.len());
            if room == 0 {
                if !self.credit_requested {
                    self.credit_requested = true;
                    return Some(self.make(op::CREDIT_REQUEST, 0, 0));
                }
            } else if let Some(packet) = self.read(payload.get_mut(..room).unwrap_or_default()) {
                return Some(packet);
            }
        }
        if self.pending.contains(Pending::CREDIT_UPDATE) {
            return Some(self.make(op::CREDIT_UPDATE, 0, 0));
        }
        None
    }

    /// Reads what the stream has; at its end the guest is told.
    fn read(&mut self, payload: &mut [u8]) -> Option<Packet> {
        loop {
            match rustix::io::read(&self.stream, &mut *payload) {
                Ok(0) => {
                    self.host |= Shutdown::SEND;
                    return Some(self.make(op::SHUTDOWN, self.host.bits(), 0));
                }
                Ok(count) => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX); // at most what the guest has credit for
                    self.credit.send(count);
                    return Some(self.make(op::RW, 0, count));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.readable = false;
                    return None;
                }
                Err(_) => {
                    // Whoever was there has left something unread: nothing will come, and nothing gets through.
                    self.to_host.clear();
                    self.end();
                    return Some(self.make(op::RST, 0, 0));
                }
            }
        }
    }

    fn make(&mut self, op: u16, flags: u32, length: u32) -> Packet {
        // Every packet tells our credit.
        self.pending.remove(Pending::CREDIT_UPDATE);
        Packet { op, flags, length, fwd_cnt: self.credit.tell() }
    }

    /// A packet of the guest for this connection.
    pub(super) fn receive(&mut self, header: &Header, payload: &[u8]) -> Verdict {
        self.credit.update(header.buf_alloc, header.fwd_cnt);
        // Asked once for each time that it runs out: a guest without room says so again and again.
        self.credit_requested &= self.credit.available() == 0;
        match (header.op, self.phase) {
            (op::RST, _) => {
                self.end();
                Verdict::Fine
            }
            (op::RESPONSE, Phase::Requested) => self.established(header.dst_port),
            (op::RW, Phase::Established) if !self.guest.contains(Shutdown::SEND) => self.take(payload),
            (op::SHUTDOWN, Phase::Established) => {
                self.guest |= Shutdown::from_bits_truncate(header.flags);
                if self.guest.contains(Shutdown::RECEIVE) {
                    let _ = net::shutdown(&self.stream, net::Shutdown::Read);
                }
                self.flush();
                self.finish();
                Verdict::Fine
            }
            (op::CREDIT_UPDATE, Phase::Established) => Verdict::Fine,
            (op::CREDIT_REQUEST, Phase::Established) => {
                self.pending |= Pending::CREDIT_UPDATE;
                Verdict::Fine
            }
            _ => Verdict::Broken,
        }
    }

    /// The guest has accepted: tells the host the port that its end has.
    fn established(&mut self, port: u32) -> Verdict {
        self.phase = Phase::Established;
        let greeting = format!("OK {port}\n");
        // Nothing was ever sent on this stream: there is room, or nobody.
        match net::send(&self.stream, greeting.as_bytes(), SendFlags::NOSIGNAL) {
            Ok(count) if count == greeting.len() => Verdict::Fine,
            _ => Verdict::Broken,
        }
    }

    /// Data of the guest.
    fn take(&mut self, payload: &[u8]) -> Verdict {
        let Ok(count) = u32::try_from(payload.len()) else { return Verdict::Broken };
        if !self.credit.receive(count) {
            return Verdict::Broken;
        }
        // Straight through, when nothing waits before it.
        let sent = if self.to_host.is_empty() { self.send(payload) } else { 0 };
        self.to_host.extend(payload.get(sent..).unwrap_or_default());
        self.flush();
        Verdict::Fine
    }

    /// Gives the host what waits for it.
    fn flush(&mut self) {
        while self.writable && !self.to_host.is_empty() {
            let waiting = std::mem::take(&mut self.to_host);
            let (first, _) = waiting.as_slices();
            let sent = self.send(first);
            self.to_host = waiting;
            self.to_host.drain(..sent);
        }
        if self.credit.is_worth_telling() && self.phase == Phase::Established {
            self.pending |= Pending::CREDIT_UPDATE;
        }
        self.finish();
    }

    /// Writes to the stream; how many bytes are done with: taken by the host, or of no use to anybody.
    fn send(&mut self, bytes: &[u8]) -> usize {
        if !self.writable {
            return 0;
        }
        let sent = loop {
            match net::send(&self.stream, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => break count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.writable = false;
                    break 0;
                }
                Err(_) => {
                    // Nobody reads any more.
                    self.host |= Shutdown::RECEIVE;
                    self.tell_shutdown();
                    break bytes.len();
                }
            }
        };
        self.credit.take(u32::try_from(sent).unwrap_or(u32::MAX)); // at most the room
        sent
    }

    fn tell_shutdown(&mut self) {
        if self.phase == Phase::Established {
            self.pending |= Pending::SHUTDOWN;
        }
    }

    /// Closes what the guest has shut down, once the host has all of it.
    fn finish(&mut self) {
        if !self.to_host.is_empty() {
            return;
        }
        if (self.guest.contains(Shutdown::SEND) || self.is_over()) && !std::mem::replace(&mut self.ended, true) {
            let _ = net::shutdown(&self.stream, net::Shutdown::Write);
        }
        if self.guest == Shutdown::all() && self.phase == Phase::Established {
            self.end();
            self.pending = Pending::RST;
        }
    }

    /// The guest has nothing to do with it any more. What it sent before it shut down in order still reaches the host.
    fn end(&mut self) {
        self.phase = Phase::Over;
        self.pending = Pending::empty();
        if !self.guest.contains(Shutdown::SEND) {
            self.to_host.clear();
        }
    }
}

/// What a packet means for its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It fits.
    Fine,
    /// It does not, or nobody is there any more: the guest gets a reset, and the connection is dropped.
    Broken,
}
