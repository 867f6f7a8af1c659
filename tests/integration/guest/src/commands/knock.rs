//! `knock=FEATURES:PORT`: with the features FEATURES (bits) and no others, the socket device is asked for a stream to
//! the host's port PORT, where nobody listens: the answer must be a reset of just that stream.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::transport::Transport as _;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::halt;
use crate::timer;
use crate::virtio::{self, Queues};

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// The host's address, and the port that we ask from.
const HOST: u64 = 2;
const PORT: u32 = 1024;
/// Operations, and the type of streams (VIRTIO 1.2 5.10.6).
const REQUEST: u16 = 1;
const RESET: u16 = 3;
const STREAM: u16 = 1;
/// Bytes of a buffer.
const BUFFER: usize = 4096;

/// A header's addresses, length, type and operation; what else it has is zero.
fn header(from: (u64, u32), to: (u64, u32), operation: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(from.0.to_le_bytes());
    bytes.extend(to.0.to_le_bytes());
    bytes.extend(from.1.to_le_bytes());
    bytes.extend(to.1.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(STREAM.to_le_bytes());
    bytes.extend(operation.to_le_bytes());
    bytes.extend([0; 12]);
    bytes
}

pub fn run(arguments: &str) -> Outcome {
    let (features, port) = arguments.split_once(':').ok_or("write FEATURES:PORT")?;
    let (features, port) = (required(features)?, required(port)? as u32);
    let device = virtio::devices(virtio::SOCKET).next().ok_or("no socket device")?;
    let mut queues = Queues::open(&device, features, 3)?;
    timer::start_tick();
    let cid: u32 = queues.transport.read_config_space(0).map_err(|error| format!("configuration: {error}"))?;
    let us = (u64::from(cid), PORT);
    let mut posted = queues.post(RECEIVE, alloc::vec![0; BUFFER].leak())?;
    queues.give(TRANSMIT, &header(us, (HOST, port), REQUEST))?;
    let timeout = Timeout::after(PATIENCE_MS);
    let answer = loop {
        posted = match queues.take(RECEIVE, posted)? {
            Ok((buffer, count)) => break Vec::from(&buffer[..count]),
            Err(posted) => posted,
        };
        if timeout.passed() {
            return Err(String::from("no answer"));
        }
        queues.interrupt.rearm();
        halt();
        queues.transport.ack_interrupt();
    };
    if answer != header((HOST, port), us, RESET) {
        return Err(format!("another answer: {answer:x?}"));
    }
    Ok(format!("cid={cid} bytes={}", answer.len()))
}
