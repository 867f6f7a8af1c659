//! `line=FEATURES:KIB`: the console as a line, without port messages, with the features FEATURES (bits) and no others.
//!
//! Writes `line` by emergency writes where they were negotiated, KIB KiB of the pattern with seed 1, then verifies as
//! many with seed 2 and sends them back. Where the size was negotiated, it waits at last until there is one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::transport::Transport as _;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::halt;
use crate::serial::say;
use crate::virtio::{self, Queues};
use crate::{pattern, timer};

/// VIRTIO_CONSOLE_F_SIZE and VIRTIO_CONSOLE_F_EMERG_WRITE (VIRTIO 1.2 5.3.3).
const SIZE: u64 = 1;
const EMERGENCY: u64 = 1 << 2;
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// Offsets in the configuration (VIRTIO 1.2 5.3.4).
const COLUMNS: usize = 0;
const ROWS: usize = 2;
const EMERGENCY_WRITE: usize = 8;
/// Bytes of a buffer.
const BUFFER: usize = 4096;

struct Line(Queues);

impl Line {
    fn size(&self) -> Result<(u16, u16), String> {
        let read = |offset| self.0.transport.read_config_space(offset);
        let size = read(COLUMNS).and_then(|columns: u16| Ok((columns, read(ROWS)?)));
        size.map_err(|error| format!("configuration: {error}"))
    }

    fn wait(&mut self) {
        self.0.interrupt.rearm();
        halt();
        self.0.transport.ack_interrupt();
    }

    /// Takes `length` bytes, and sends back what came.
    fn echo(&mut self, length: usize, timeout: &Timeout) -> Result<(), String> {
        let mut posted = self.0.post(RECEIVE, alloc::vec![0; BUFFER].leak())?;
        let mut come: Vec<u8> = Vec::with_capacity(length);
        while come.len() < length {
            posted = match self.0.take(RECEIVE, posted)? {
                Ok((buffer, count)) => {
                    come.extend(&buffer[..count]);
                    self.0.give(TRANSMIT, &buffer[..count])?;
                    self.0.post(RECEIVE, buffer)?
                }
                Err(posted) => {
                    self.wait();
                    posted
                }
            };
            if timeout.passed() {
                return Err(format!("{} of {length} bytes came", come.len()));
            }
        }
        if come != bytes(length, 2) { Err(String::from("other bytes came")) } else { Ok(()) }
    }
}

/// `length` bytes of the pattern.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut words = alloc::vec![0; length / 8];
    pattern::fill(&mut words, 0, seed);
    words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect()
}

pub fn run(arguments: &str) -> Outcome {
    let (features, kib) = arguments.split_once(':').ok_or("write FEATURES:KIB")?;
    let (features, length) = (required(features)?, required(kib)? as usize * 1024);
    let device = virtio::devices(virtio::CONSOLE).next().ok_or("no console")?;
    let mut line = Line(Queues::open(&device, features, 2)?);
    timer::start_tick();
    let timeout = Timeout::after(PATIENCE_MS);
    if features & EMERGENCY != 0 {
        for byte in b"line" {
            let written = line.0.transport.write_config_space(EMERGENCY_WRITE, u32::from(*byte));
            written.map_err(|error| format!("emergency write: {error}"))?;
        }
    }
    say!("line ready");
    for chunk in bytes(length, 1).chunks(BUFFER) {
        line.0.give(TRANSMIT, chunk)?;
    }
    line.echo(length, &timeout)?;
    say!("line echoed");
    while features & SIZE != 0 && line.size()? == (0, 0) {
        if timeout.passed() {
            return Err(String::from("there is no size"));
        }
        line.wait();
    }
    let (columns, rows) = line.size()?;
    Ok(format!("size={columns}x{rows} interrupts={}", line.0.interrupt.count()))
}
