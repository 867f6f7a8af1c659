//! `rawblk=DISK:MASK[:QUEUES][,STEP]...`: drives a disk with requests of all kinds, with the features that MASK (hexadecimal,
//! `0x...`) leaves of the offered ones, over so many queues; each request in one go, completion by polling.
//!
//! Steps: `w:START:COUNT[:SEED]` and `r:START:COUNT[:SEED]` as of `blk`, `zero:START:COUNT` reads and must find zeros,
//! `d:START:COUNT[:FLAGS]` discards, `z:START:COUNT[:FLAGS]` writes zeroes, `f` flushes, `q:N` goes on with queue N,
//! `wce:N` sets the write cache, `size:SECTORS` waits for this capacity; with `!` behind its name a request must fail.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::pattern;
use crate::virtio::{self, GuestHal, Transport};

const SECTOR: usize = 512;
/// Sectors of one request at most.
const MAX_SECTORS: u64 = 32;
const VERSION_1: u64 = 1 << 32;
/// Offsets in the configuration space (VIRTIO 1.2 5.2.4).
const WRITEBACK: usize = 32;
const NUM_QUEUES: usize = 34;

type Queue = VirtQueue<GuestHal, 16>;

struct Driver {
    transport: Transport,
    queues: Vec<Queue>,
    current: usize,
}

impl Driver {
    /// Initialises disk `index` with the features of `mask` and `queues` queues; says what was negotiated.
    fn open(index: usize, mask: u64, queues: u16) -> Result<(Self, u64), String> {
        let device = virtio::devices(virtio::BLOCK).nth(index).ok_or_else(|| format!("no disk {index}"))?;
        let (mut transport, _) = device.open()?;
        transport.set_status(DeviceStatus::empty());
        let status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        transport.set_status(status);
        let features = transport.read_device_features() & (mask | VERSION_1);
        transport.write_driver_features(features);
        transport.set_status(status | DeviceStatus::FEATURES_OK);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(format!("features {features:#x} are refused"));
        }
        let indirect = features & 1 << 28 != 0;
        let event_idx = features & 1 << 29 != 0;
        let make = |queue| Queue::new(&mut transport, queue, indirect, event_idx);
        let queues: Result<Vec<_>, _> = (0..queues).map(make).collect();
        let queues = queues.map_err(|error| format!("queue: {error}"))?;
        transport.finish_init();
        Ok((Self { transport, queues, current: 0 }, features))
    }

    /// One request: its status.
    fn request(&mut self, kind: u32, sector: u64, out: &[u8], into: &mut [u8]) -> Result<(), String> {
        let mut header = [0; 16];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[8..].copy_from_slice(&sector.to_le_bytes());
        let mut status = [0xff];
        let queue = self.queues.get_mut(self.current).ok_or("no such queue")?;
        let (with_data, without) = ([&header[..], out], [&header[..]]);
        let inputs: &[&[u8]] = if out.is_empty() { &without } else { &with_data };
        let used = if into.is_empty() {
            queue.add_notify_wait_pop(inputs, &mut [&mut status[..]], &mut self.transport)
        } else {
            queue.add_notify_wait_pop(inputs, &mut [into, &mut status[..]], &mut self.transport)
        };
        used.map_err(|error| format!("request: {error}"))?;
        self.transport.ack_interrupt();
        if status == [0] { Ok(()) } else { Err(format!("status {}", status[0])) }
    }

    fn range(&mut self, kind: u32, start: u64, sectors: u64, flags: u64) -> Result<(), String> {
        let mut range = [0; 16];
        range[..8].copy_from_slice(&start.to_le_bytes());
        range[8..12].copy_from_slice(&(sectors as u32).to_le_bytes());
        range[12..].copy_from_slice(&(flags as u32).to_le_bytes());
        self.request(kind, 0, &range, &mut [])
    }

    /// Requests of at most [`MAX_SECTORS`] sectors each.
    fn transfer(
        &mut self,
        start: u64,
        count: u64,
        mut each: impl FnMut(&mut Self, u64, &mut [u64]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut at = start;
        while at < start + count {
            let sectors = (start + count - at).min(MAX_SECTORS);
            let mut words = alloc::vec![0u64; sectors as usize * SECTOR / 8];
            each(self, at, &mut words)?;
            at += sectors;
        }
        Ok(())
    }

    fn write(&mut self, start: u64, count: u64, seed: u64) -> Result<(), String> {
        self.transfer(start, count, |driver, at, words| {
            pattern::fill(words, at * SECTOR as u64, seed);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            driver.request(1, at, &bytes, &mut [])
        })
    }

    fn read(&mut self, start: u64, count: u64, check: impl Fn(u64, &[u64]) -> bool) -> Result<(), String> {
        self.transfer(start, count, |driver, at, words| {
            let mut bytes = alloc::vec![0xee; words.len() * 8];
            driver.request(0, at, &[], &mut bytes)?;
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            }
            if check(at, words) { Ok(()) } else { Err(format!("sectors from {at} on are not what they should be")) }
        })
    }

    /// In sectors; in halves, for PCI promises no wider access than that (VIRTIO 1.2 4.1.3.1).
    fn capacity(&self) -> Result<u64, String> {
        let half = |offset| self.transport.read_config_space::<u32>(offset).map(u64::from);
        let whole = || Ok(half(0)? | half(4)? << 32);
        self.transport.read_consistent(whole).map_err(|error| format!("{error}"))
    }

    fn step(&mut self, text: &str) -> Result<(), String> {
        let parts: Vec<&str> = text.split(':').collect();
        let at = |index: usize| parts.get(index).map_or(Ok(0), |part| required(part));
        let (start, count, third) = (at(1)?, at(2)?, at(3)?);
        let (name, fails) = parts[0].strip_suffix('!').map_or((parts[0], false), |name| (name, true));
        let result = match name {
            "w" => self.write(start, count, third),
            "r" => self
                .read(start, count, |at, words| pattern::first_difference(words, at * SECTOR as u64, third).is_none()),
            "zero" => self.read(start, count, |_, words| words.iter().all(|word| *word == 0)),
            "d" => self.range(11, start, count, third),
            "z" => self.range(13, start, count, third),
            "f" => self.request(4, 0, &[], &mut []),
            "q" => {
                self.current = start as usize;
                Ok(())
            }
            "wce" => {
                self.transport.write_config_space(WRITEBACK, start as u8).map_err(|error| format!("{error}"))?;
                let read = self.transport.read_config_space::<u8>(WRITEBACK).map_err(|error| format!("{error}"))?;
                if u64::from(read) == start { Ok(()) } else { Err(format!("writeback={read}")) }
            }
            "size" => {
                let patience = Timeout::after(PATIENCE_MS);
                while self.capacity()? != start {
                    if patience.passed() {
                        return Err(format!("capacity={}", self.capacity()?));
                    }
                }
                Ok(())
            }
            other => return Err(format!("unknown step {other:?}")),
        };
        match (result, fails) {
            (Ok(()), true) => Err(String::from("succeeded and should not")),
            (Err(_), true) | (Ok(()), false) => Ok(()),
            (Err(error), false) => Err(error),
        }
    }
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let first: Vec<&str> = steps.next().unwrap_or("0").split(':').collect();
    let at = |index: usize| first.get(index).map_or(Ok(0), |part| required(part));
    let (index, mask, queues) = (at(0)? as usize, at(1)?, at(2)?.max(1) as u16);
    let (mut driver, features) = Driver::open(index, mask, queues)?;
    let offered = driver.transport.read_config_space::<u16>(NUM_QUEUES).map_err(|error| format!("{error}"))?;
    for text in steps {
        driver.step(text).map_err(|error| format!("disk={index} step={text} {error}"))?;
    }
    // The next command may use the disk again.
    driver.transport.set_status(DeviceStatus::empty());
    Ok(format!("disk={index} features={:#x} queues={offered}", features & 0xff_ffff))
}
