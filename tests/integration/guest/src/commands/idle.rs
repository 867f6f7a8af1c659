//! `idle`: each virtio device has a driver, and buffers for whatever the host may send; then nothing happens until a
//! byte comes on the serial port.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::serial::{receive, say};
use crate::virtio::{self, Queues};

/// Bytes of a buffer.
const BUFFER: usize = 4096;

/// How many queues a device has without further features, and those in which the host's data arrive.
fn queues(id: u32) -> Option<(u16, &'static [usize])> {
    match id {
        virtio::BLOCK | virtio::ENTROPY => Some((1, &[])),
        virtio::BALLOON => Some((2, &[])),
        virtio::NETWORK | virtio::CONSOLE => Some((2, &[0])),
        virtio::SCSI => Some((3, &[1])),
        virtio::SOCKET => Some((3, &[0, 2])),
        _ => None,
    }
}

pub fn run() -> Outcome {
    let mut drivers = Vec::new();
    for device in virtio::all() {
        let Some((count, receiving)) = device.id().and_then(queues) else { continue };
        let mut driver = Queues::open(&device, 0, count)?;
        for queue in receiving {
            driver.post(*queue, alloc::vec![0; BUFFER].leak())?;
        }
        drivers.push(driver);
    }
    if drivers.is_empty() {
        return Err(String::from("no device"));
    }
    say!("idle devices={}", drivers.len());
    receive();
    Ok(format!("interrupts={}", drivers.iter().map(|driver| driver.interrupt.count()).sum::<u64>()))
}
