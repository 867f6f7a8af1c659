//! `ports=STEP[,STEP]...`: drives the console and its first named port by port messages. README.md lists the steps.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::transport::Transport as _;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::halt;
use crate::serial::say;
use crate::virtio::{self, Posted, Queues};
use crate::{pattern, timer};

/// VIRTIO_CONSOLE_F_SIZE and VIRTIO_CONSOLE_F_MULTIPORT (VIRTIO 1.2 5.3.3).
const FEATURES: u64 = 1 | 1 << 1;
/// Queues: those of the console, of control, of the named port.
const CONSOLE_TRANSMIT: usize = 1;
const CONTROL_RECEIVE: usize = 2;
const CONTROL_TRANSMIT: usize = 3;
const PORT_RECEIVE: usize = 4;
const PORT_TRANSMIT: usize = 5;
/// Events of port messages (VIRTIO 1.2 5.3.6.2).
const DEVICE_READY: u16 = 0;
const DEVICE_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const CONSOLE_PORT: u16 = 4;
const RESIZE: u16 = 5;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;
/// Bytes of a buffer.
const BUFFER: usize = 4096;

#[derive(Default)]
struct Known {
    ports: u64,
    name: String,
    console: bool,
    size: (u16, u16),
    is_open: bool,
    opens: u64,
    closes: u64,
}

struct Ports {
    queues: Queues,
    control: Option<Posted>,
    /// The named port's buffer: it stays in the queue from one step to the next.
    port: Option<Posted>,
    known: Known,
}

/// Bytes of the pattern, from `start` on, which is a multiple of 8.
fn bytes(start: usize, count: usize, seed: u64) -> Vec<u8> {
    let mut words = alloc::vec![0; count / 8];
    pattern::fill(&mut words, start as u64, seed);
    words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect()
}

impl Ports {
    fn send(&mut self, port: u32, event: u16, value: u16) -> Result<(), String> {
        let mut message = Vec::from(port.to_le_bytes());
        message.extend(event.to_le_bytes());
        message.extend(value.to_le_bytes());
        self.queues.give(CONTROL_TRANSMIT, &message)
    }

    /// Takes the messages that have come.
    fn listen(&mut self) -> Result<(), String> {
        loop {
            let posted = match self.control.take() {
                Some(posted) => posted,
                None => self.queues.post(CONTROL_RECEIVE, alloc::vec![0; BUFFER].leak())?,
            };
            match self.queues.take(CONTROL_RECEIVE, posted)? {
                Err(posted) => {
                    self.control = Some(posted);
                    return Ok(());
                }
                Ok((buffer, count)) => {
                    let message = Vec::from(&buffer[..count]);
                    self.control = Some(self.queues.post(CONTROL_RECEIVE, buffer)?);
                    self.understand(&message)?;
                }
            }
        }
    }

    fn understand(&mut self, message: &[u8]) -> Result<(), String> {
        let Some((head, more)) = message.split_first_chunk::<8>() else {
            return Err(format!("a message of {} bytes", message.len()));
        };
        let port = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let (event, value) = (u16::from_le_bytes([head[4], head[5]]), u16::from_le_bytes([head[6], head[7]]));
        match (event, port) {
            (DEVICE_ADD, _) => {
                self.known.ports += 1;
                self.send(port, PORT_READY, 1)?;
            }
            (CONSOLE_PORT, 0) => {
                self.known.console = true;
                self.send(0, PORT_OPEN, 1)?;
            }
            (RESIZE, 0) => {
                self.known.size = (u16::from_le_bytes([more[0], more[1]]), u16::from_le_bytes([more[2], more[3]]));
            }
            (PORT_NAME, 1) => self.known.name = String::from_utf8_lossy(more).into_owned(),
            (PORT_OPEN, 0) => {}
            (PORT_OPEN, 1) => {
                self.known.is_open = value == 1;
                *(if value == 1 { &mut self.known.opens } else { &mut self.known.closes }) += 1;
            }
            _ => return Err(format!("an unknown message {message:?}")),
        }
        Ok(())
    }

    /// Waits, by interrupts, until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Known) -> bool) -> Result<(), String> {
        let timeout = Timeout::after(PATIENCE_MS);
        loop {
            self.listen()?;
            if done(&self.known) {
                return Ok(());
            }
            if timeout.passed() {
                return Err(format!("{what} took too long: {}", self.values()));
            }
            self.wait();
        }
    }

    fn wait(&mut self) {
        self.queues.interrupt.rearm();
        halt();
        self.queues.transport.ack_interrupt();
    }

    /// Verifies what comes to the named port, and sends it back.
    fn echo(&mut self, length: usize) -> Result<(), String> {
        self.until("a client", |known| known.is_open)?;
        self.send(1, PORT_OPEN, 1)?;
        if self.port.is_none() {
            self.port = Some(self.queues.post(PORT_RECEIVE, alloc::vec![0; BUFFER].leak())?);
        }
        let mut come: Vec<u8> = Vec::new();
        let mut done = 0;
        let timeout = Timeout::after(PATIENCE_MS);
        while done < length {
            let Some(mine) = self.port.take() else { return Err(String::from("no buffer")) };
            match self.queues.take(PORT_RECEIVE, mine)? {
                Ok((buffer, count)) => {
                    self.queues.give(PORT_TRANSMIT, &buffer[..count])?;
                    come.extend(&buffer[..count]);
                    self.port = Some(self.queues.post(PORT_RECEIVE, buffer)?);
                    let whole = come.len() / 8 * 8;
                    if come[..whole] != bytes(done, whole, 2) {
                        return Err(format!("other bytes after {done}"));
                    }
                    come.drain(..whole);
                    done += whole;
                }
                Err(mine) => {
                    self.port = Some(mine);
                    self.wait();
                }
            }
            if timeout.passed() {
                return Err(format!("{done} of {length} bytes came within 120 s"));
            }
        }
        self.send(1, PORT_OPEN, 0)
    }

    fn step(&mut self, text: &str) -> Result<(), String> {
        let (name, argument) = text.split_once(':').unwrap_or((text, "0"));
        let number = required(argument)?;
        match name {
            "say" => {
                for start in (0..number as usize * 1024).step_by(BUFFER) {
                    let count = BUFFER.min(number as usize * 1024 - start);
                    self.queues.give(CONSOLE_TRANSMIT, &bytes(start, count, 1))?;
                }
                Ok(())
            }
            "echo" => self.echo(number as usize * 1024),
            "gone" => self.until("the client's end", |known| !known.is_open && known.closes > 0),
            "size" => self.until("the size", |known| u64::from(known.size.0) == number),
            other => Err(format!("unknown step {other:?}")),
        }
    }

    fn values(&self) -> String {
        let Known { ports, name, size: (columns, rows), opens, closes, .. } = &self.known;
        let interrupts = self.queues.interrupt.count();
        format!("ports={ports} name={name} size={columns}x{rows} opens={opens} closes={closes} interrupts={interrupts}")
    }
}

pub fn run(arguments: &str) -> Outcome {
    let device = virtio::devices(virtio::CONSOLE).next().ok_or("no console")?;
    let queues = Queues::open(&device, FEATURES, 6)?;
    let mut ports = Ports { queues, control: None, port: None, known: Known::default() };
    timer::start_tick();
    ports.send(u32::MAX, DEVICE_READY, 1)?;
    ports.until("the ports", |known| known.console && !known.name.is_empty())?;
    say!("ports ready name={}", ports.known.name);
    for text in arguments.split(',') {
        ports.step(text).map_err(|error| format!("step={text} {error}"))?;
        say!("ports step {text}");
    }
    Ok(ports.values())
}
