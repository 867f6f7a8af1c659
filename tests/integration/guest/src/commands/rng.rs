//! `rng`: twice 32 bytes of the entropy device, which must differ. `rng=BYTES`: so many bytes, and how long they took.

use alloc::format;
use alloc::string::String;

use virtio_drivers::device::rng::VirtIORng;

use super::{Outcome, required};
use crate::clock::cycles_to_ns;
use crate::cpu::tsc;
use crate::virtio::{self, GuestHal, Transport};

/// Bytes asked for at a time.
const REQUEST: usize = 256;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open() -> Result<VirtIORng<GuestHal, Transport>, String> {
    let device = virtio::devices(virtio::ENTROPY).next().ok_or("no entropy device")?;
    let (transport, _) = device.open()?;
    VirtIORng::new(transport).map_err(|error| format!("init: {error}"))
}

/// Asks again and again, for [`REQUEST`] bytes at a time, until `wanted` have come.
fn count(wanted: u64) -> Outcome {
    let mut device = open()?;
    let (mut bytes, mut requests) = (0, 0);
    let start = tsc();
    while bytes < wanted {
        let got = device.request_entropy(&mut [0; REQUEST]).map_err(|error| format!("request: {error}"))?;
        if got == 0 || got > REQUEST {
            return Err(format!("got {got} bytes"));
        }
        (bytes, requests) = (bytes + got as u64, requests + 1);
    }
    let elapsed = cycles_to_ns(tsc() - start);
    // A line would stay asserted.
    device.ack_interrupt();
    Ok(format!("bytes={bytes} requests={requests} ns={elapsed}"))
}

pub fn run(arguments: &str) -> Outcome {
    if !arguments.is_empty() {
        return count(required(arguments)?);
    }
    let mut device = open()?;
    let mut take = || -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        let mut have = 0;
        while have < 32 {
            let got = device.request_entropy(&mut bytes[have..]).map_err(|error| format!("request: {error}"))?;
            if got == 0 || have + got > 32 {
                return Err(format!("got {got} bytes"));
            }
            have += got;
        }
        Ok(bytes)
    };
    let (first, second) = (take()?, take()?);
    // A line would stay asserted.
    device.ack_interrupt();
    let values = format!("first={} second={}", hex(&first), hex(&second));
    if first == second || first == [0; 32] { Err(values) } else { Ok(values) }
}
