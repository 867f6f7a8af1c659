//! `vsock=PORT:IN:OUT:KIB`: IN connections of the host to port PORT and OUT of ours to the host's port PORT, all at once.
//!
//! Each side sends 8 bytes, the seed of what follows: KIB KiB of the pattern. What comes is verified as it comes, and
//! not kept, so that the credit is what it was told to be and no more. Who has sent everything shuts its sending down;
//! when both have, the connection is closed. The line `vsock ready` says that the device listens.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::Error;
use virtio_drivers::device::socket::{
    ConnectionInfo, DisconnectReason, SocketError, StreamShutdown, VMADDR_CID_HOST, VirtIOSocket, VsockAddr,
    VsockEvent, VsockEventType,
};

use super::{Outcome, required};
use crate::clock::Timeout;
use crate::cpu::halt;
use crate::interrupt::Interrupt;
use crate::serial::say;
use crate::virtio::{self, GuestHal, Transport};
use crate::{pattern, timer};

/// Bytes of a receive buffer, its header included.
const BUFFER: usize = 8192;
/// Bytes sent at a time.
const CHUNK: usize = 16384;
/// Room for what comes on one connection.
const ROOM: u32 = 64 * 1024;
/// Our port of the first connection that we make.
const FIRST_PORT: u32 = 10_000;

/// One connection.
struct Stream {
    info: ConnectionInfo,
    connected: bool,
    /// The other side has no room, and has not said otherwise yet.
    waits: bool,
    seed: u64,
    sent: usize,
    /// What the other side said first.
    their_seed: [u8; 8],
    come: usize,
    /// Bytes that the other side does not know to be taken.
    untold: usize,
    sending_shut: bool,
    /// The other side has sent everything.
    ended: bool,
    closing: bool,
    closed: bool,
}

/// The word at `position`, a multiple of 8, of what is sent with `seed`.
fn word(seed: u64, position: usize) -> [u8; 8] {
    let word = if position < 8 { seed } else { pattern::word(position as u64 - 8, seed) };
    word.to_le_bytes()
}

impl Stream {
    fn new(peer: VsockAddr, port: u32, seed: u64) -> Self {
        let mut info = ConnectionInfo::new(peer, port);
        info.buf_alloc = ROOM;
        Self {
            info,
            connected: false,
            waits: false,
            seed,
            sent: 0,
            their_seed: [0; 8],
            come: 0,
            untold: 0,
            sending_shut: false,
            ended: false,
            closing: false,
            closed: false,
        }
    }

    fn verify(&mut self, body: &[u8]) -> Result<(), String> {
        let mut rest = body;
        while let Some((first, later)) = rest.split_first() {
            if self.come < 8 {
                self.their_seed[self.come] = *first;
                (self.come, rest) = (self.come + 1, later);
                continue;
            }
            let seed = u64::from_le_bytes(self.their_seed);
            match rest.split_first_chunk::<8>() {
                Some((word, later)) if self.come.is_multiple_of(8) => {
                    if u64::from_le_bytes(*word) != pattern::word(self.come as u64 - 8, seed) {
                        return Err(format!("other bytes from {} on, seed {seed}", self.come));
                    }
                    (self.come, rest) = (self.come + 8, later);
                }
                _ if *first != word(seed, self.come & !7)[self.come % 8] => {
                    return Err(format!("another byte at {}, seed {seed}", self.come));
                }
                _ => (self.come, rest) = (self.come + 1, later),
            }
        }
        Ok(())
    }
}

struct Sockets {
    driver: VirtIOSocket<GuestHal, Transport, BUFFER>,
    interrupt: Interrupt,
    port: u32,
    /// Bytes that go each way on each connection.
    length: usize,
    streams: Vec<Stream>,
    resets: u64,
}

fn failed(what: &'static str) -> impl Fn(Error) -> String {
    move |error| format!("{what}: {error}")
}

impl Sockets {
    fn stream(streams: &mut [Stream], event: &VsockEvent, cid: u64) -> Option<usize> {
        streams.iter().position(|stream| !stream.closed && event.matches_connection(&stream.info, cid))
    }

    /// Takes the next packet; `false`: there is none.
    fn receive(&mut self) -> Result<bool, String> {
        let cid = self.driver.guest_cid();
        let Self { driver, streams, .. } = self;
        let mut damage = None;
        let event = driver.poll(|event, body| {
            if let Some(index) = Self::stream(streams, &event, cid) {
                let stream = &mut streams[index];
                stream.info.update_for_event(&event);
                stream.waits = false;
                stream.info.done_forwarding(body.len());
                stream.untold += body.len();
                damage = stream.verify(body).err();
            }
            Ok(Some(event))
        });
        let Some(event) = event.map_err(failed("poll"))? else { return Ok(false) };
        if let Some(damage) = damage {
            return Err(damage);
        }
        let index = Self::stream(&mut self.streams, &event, cid);
        if let (None, VsockEventType::ConnectionRequest) = (index, &event.event_type) {
            let mut stream = Stream::new(event.source, event.destination.port, self.streams.len() as u64);
            stream.info.update_for_event(&event);
            if event.destination.port != self.port {
                self.driver.force_close(&stream.info).map_err(failed("refuse"))?;
                return Ok(true);
            }
            stream.connected = true;
            self.driver.accept(&stream.info).map_err(failed("accept"))?;
            self.streams.push(stream);
            return Ok(true);
        }
        let Some(stream) = index.map(|index| &mut self.streams[index]) else {
            return Err(format!("a packet of no connection: {event:?}"));
        };
        match event.event_type {
            VsockEventType::Connected => stream.connected = true,
            VsockEventType::Disconnected { reason: DisconnectReason::Shutdown } => stream.ended = true,
            VsockEventType::Disconnected { reason: DisconnectReason::Reset } => {
                self.resets += 1;
                if !stream.closing {
                    return Err(format!("a reset after {} of {} bytes", stream.come, self.length));
                }
                stream.closed = true;
            }
            VsockEventType::CreditRequest => {
                self.driver.credit_update(&stream.info).map_err(failed("credit"))?;
            }
            VsockEventType::Received { .. } if stream.untold >= ROOM as usize / 2 => {
                stream.untold = 0;
                self.driver.credit_update(&stream.info).map_err(failed("credit"))?;
            }
            _ => {}
        }
        Ok(true)
    }

    /// Sends what connection `index` has to say next; `false`: nothing.
    fn send(&mut self, index: usize) -> Result<bool, String> {
        let stream = &mut self.streams[index];
        if !stream.connected || stream.closing {
            return Ok(false);
        }
        if stream.waits {
            return Ok(false);
        }
        if stream.sent < self.length {
            let count = CHUNK.min(self.length - stream.sent);
            let mut chunk = alloc::vec![0; count];
            // What was sent before ends with a whole word, and so does this.
            for (offset, bytes) in (stream.sent..).step_by(8).zip(chunk.chunks_exact_mut(8)) {
                bytes.copy_from_slice(&word(stream.seed, offset));
            }
            return match self.driver.send(&chunk, &mut stream.info) {
                Ok(()) => {
                    stream.sent += count;
                    Ok(true)
                }
                Err(Error::SocketDeviceError(SocketError::InsufficientBufferSpaceInPeer)) => {
                    stream.waits = true;
                    Ok(false)
                }
                Err(error) => Err(format!("send: {error}")),
            };
        }
        if !stream.sending_shut {
            stream.sending_shut = true;
            self.driver.shutdown_with_hints(&stream.info, StreamShutdown::SEND).map_err(failed("shutdown"))?;
            return Ok(true);
        }
        if stream.ended {
            stream.closing = true;
            self.driver.shutdown(&stream.info).map_err(failed("close"))?;
            return Ok(true);
        }
        Ok(false)
    }

    fn values(&self) -> String {
        let sum = |part: fn(&Stream) -> usize| self.streams.iter().map(part).sum::<usize>();
        format!(
            "cid={} connections={} closed={} sent={} received={} resets={} interrupts={}",
            self.driver.guest_cid(),
            self.streams.len(),
            self.streams.iter().filter(|stream| stream.closed).count(),
            sum(|stream| stream.sent),
            sum(|stream| stream.come),
            self.resets,
            self.interrupt.count(),
        )
    }
}

pub fn run(arguments: &str) -> Outcome {
    let mut numbers = arguments.split(':').map(required);
    let mut number = || numbers.next().unwrap_or_else(|| Err(String::from("write PORT:IN:OUT:KIB")));
    let (port, incoming, outgoing, kib) =
        (number()? as u32, number()? as usize, number()? as usize, number()? as usize);
    let device = virtio::devices(virtio::SOCKET).next().ok_or("no socket device")?;
    let (transport, interrupt) = device.open()?;
    let driver = VirtIOSocket::new(transport).map_err(failed("init"))?;
    timer::start_tick();
    let length = 8 + kib * 1024;
    let mut sockets = Sockets { driver, interrupt, port, length, streams: Vec::new(), resets: 0 };
    say!("vsock ready cid={}", sockets.driver.guest_cid());
    for index in 0..outgoing {
        let peer = VsockAddr { cid: VMADDR_CID_HOST, port };
        let stream = Stream::new(peer, FIRST_PORT + index as u32, 1000 + index as u64);
        sockets.driver.connect(&stream.info).map_err(failed("connect"))?;
        sockets.streams.push(stream);
    }
    let timeout = Timeout::after(300_000);
    loop {
        let mut busy = false;
        while sockets.receive()? {
            busy = true;
        }
        for index in 0..sockets.streams.len() {
            busy |= sockets.send(index)?;
        }
        if sockets.streams.len() == incoming + outgoing && sockets.streams.iter().all(|stream| stream.closed) {
            break;
        }
        if timeout.passed() {
            return Err(format!("it took longer than 300 s: {}", sockets.values()));
        }
        if !busy {
            sockets.interrupt.rearm();
            halt();
        }
    }
    if let Some(short) = sockets.streams.iter().find(|stream| stream.come != length) {
        return Err(format!("{} of {length} bytes came from port {}", short.come, short.info.dst.port));
    }
    Ok(sockets.values())
}
