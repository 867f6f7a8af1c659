//! `netq=N:FEATURES[:PAIRS][,STEP]...`: drives network device N, as the host 10.99.N.2 with port 7, with those of FEATURES
//! that it offers and PAIRS pairs of queues.
//!
//! Steps: `take:BYTES` receives until so many bytes of contents came, and tells how; `send:KIND:BYTES[:PAIR]` sends a frame
//! (0 whole, 1 without its checksum, 2 TCP to be cut, 3 UDP to be cut) to where the last one came from, its contents the
//! pattern; `burst:DEPTH:FRAMES` sends so many frames there, DEPTH at a time, and tells how often the device was notified and
//! interrupted; `command:CLASS:COMMAND:HEX` gives the control queue a command and tells the answer; `status:VALUE` waits for a
//! value of the status field; `address` tells the address; `reset:PAIR` resets a receive queue and enables it again;
//! `hold` waits for a byte on the serial port.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::allow_interrupts;
use crate::ethernet::Party;
use crate::pattern;
use crate::segment::{Kind, Sum, understand};
use crate::serial::say;
use crate::virtio::{self, network::Network};

struct Scene {
    network: Network,
    me: Party,
    peer: Option<Party>,
}

/// What came.
#[derive(Default)]
struct Taken {
    bytes: u64,
    frames: u64,
    segmented: u64,
    partial: u64,
    /// Said to be checked by the host.
    promised: u64,
    longest: usize,
    most_buffers: u16,
    by_pair: Vec<u64>,
    /// FNV-1a of all contents in their order.
    hash: u64,
}

impl Scene {
    fn take(&mut self, wanted: u64) -> Result<Taken, String> {
        let timeout = Timeout::after(PATIENCE_MS);
        let mut taken = Taken { hash: 0xcbf2_9ce4_8422_2325, by_pair: vec![0; 4], ..Taken::default() };
        while taken.bytes < wanted {
            if timeout.passed() {
                return Err(format!("{} bytes in {} frames within {PATIENCE_MS} ms", taken.bytes, taken.frames));
            }
            let Some(frame) = self.network.receive()? else {
                core::hint::spin_loop();
                continue;
            };
            let Some((from, sum, contents)) = understand(&frame.bytes, &self.me) else { continue };
            let needs_sum = frame.header[0] & 1 != 0;
            match (sum, needs_sum) {
                (Sum::Complete, false) => {}
                (Sum::Partial, true) => taken.partial += 1,
                _ => return Err(format!("a checksum is not as the header {:02x?} says", frame.header)),
            }
            self.peer = Some(from);
            taken.frames += 1;
            taken.segmented += u64::from(frame.header[1] != 0);
            taken.promised += u64::from(frame.header[0] & 2 != 0);
            taken.longest = taken.longest.max(frame.bytes.len());
            taken.most_buffers = taken.most_buffers.max(u16::from_le_bytes([frame.header[10], frame.header[11]]));
            taken.by_pair[frame.pair] += 1;
            taken.bytes += contents.len() as u64;
            for byte in &frame.bytes[contents] {
                taken.hash = (taken.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        Ok(taken)
    }

    fn send(&mut self, kind: u64, bytes: u64, pair: usize) -> Result<(), String> {
        let kind = match kind {
            0 => Kind::Whole,
            1 => Kind::Checksum,
            2 => Kind::Tcp,
            _ => Kind::Udp,
        };
        let frame = self.frame(kind, bytes)?;
        self.network.send(pair, &kind.header(), &frame)
    }

    /// A frame to where the last one came from.
    fn frame(&self, kind: Kind, bytes: u64) -> Result<Vec<u8>, String> {
        let peer = self.peer.ok_or("nobody has sent anything")?;
        let mut words = vec![0; bytes.div_ceil(8) as usize];
        pattern::fill(&mut words, 0, 5);
        let contents: Vec<u8> = words.iter().flat_map(|word: &u64| word.to_le_bytes()).take(bytes as usize).collect();
        drop(words);
        Ok(kind.frame(&self.me, &peer, &contents))
    }

    fn burst(&mut self, depth: u64, frames: u64) -> Result<String, String> {
        let frame = self.frame(Kind::Whole, 1000)?;
        let before = self.network.interrupt.count();
        allow_interrupts(true);
        let notifications = self.network.burst(&Kind::Whole.header(), &frame, depth, frames);
        allow_interrupts(false);
        let interrupts = self.network.interrupt.count() - before;
        Ok(format!("notifications={} interrupts={interrupts}", notifications?))
    }

    fn step(&mut self, text: &str) -> Result<String, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let mut next = || parts.next().unwrap_or_default();
        match name {
            "take" => {
                let Taken { bytes, frames, segmented, partial, promised, longest, most_buffers, by_pair, hash } =
                    self.take(required(next())?)?;
                let pairs = super::list(by_pair.into_iter().map(Some));
                Ok(format!(
                    "bytes={bytes} frames={frames} segmented={segmented} partial={partial} promised={promised} \
                     longest={longest} buffers={most_buffers} pairs={pairs} hash={hash:#x}"
                ))
            }
            "send" => {
                let (kind, bytes) = (required(next())?, required(next())?);
                let pair = required(parts.next().unwrap_or("0"))?;
                self.send(kind, bytes, pair as usize)?;
                Ok(String::new())
            }
            "burst" => {
                let (depth, frames) = (required(next())?, required(next())?);
                self.burst(depth, frames)
            }
            "command" => {
                let (class, command) = (required(next())?, required(next())?);
                let digits = next().as_bytes();
                let byte =
                    |pair: &[u8]| core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
                let argument: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
                let argument = argument.ok_or("not hexadecimal")?;
                Ok(format!("answer={}", self.network.command(class as u8, command as u8, &argument)?))
            }
            "status" => {
                let wanted = required(next())?;
                let timeout = Timeout::after(PATIENCE_MS);
                loop {
                    let status = u64::from(self.network.address_and_status()?.1);
                    self.network.acknowledge();
                    if status == wanted {
                        // The change may have been seen before its interrupt came.
                        let count = || self.network.interrupt.count();
                        crate::interrupt::while_running(count, 1, crate::interrupt::QUIET_MS);
                        return Ok(format!("status={status} interrupts={}", count()));
                    }
                    if timeout.passed() {
                        return Err(format!("the status is {status} after {PATIENCE_MS} ms"));
                    }
                    // Gives the interrupt of the change its time.
                    crate::interrupt::while_running(|| self.network.interrupt.count(), 1, 1);
                }
            }
            "address" => Ok(format!("mac={:02x?}", self.network.address_and_status()?.0).replace(", ", ":")),
            "reset" => {
                self.network.reset_receive_queue(required(next())? as usize)?;
                Ok(String::new())
            }
            "hold" => super::console::wait(),
            other => Err(format!("unknown step {other:?}")),
        }
    }
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let mut parts = steps.next().unwrap_or_default().split(':');
    let index = required(parts.next().unwrap_or("0"))?;
    let wanted = required(parts.next().unwrap_or("0"))?;
    let pairs = required(parts.next().unwrap_or("1"))?;
    let device = virtio::devices(virtio::NETWORK).nth(index as usize).ok_or_else(|| format!("no network {index}"))?;
    let network = Network::open(&device, wanted, pairs as usize)?;
    let (mac, _) = network.address_and_status()?;
    say!("netq ready offered={:#x} features={:#x}", network.offered, network.features);
    let mut scene = Scene { network, me: Party { mac, ip: [10, 99, index as u8, 2], port: 7 }, peer: None };
    for text in steps {
        let values = scene.step(text).map_err(|error| format!("step={text} {error}"))?;
        say!("netq step {text} {values}");
    }
    scene.network.acknowledge();
    Ok(String::new())
}
