//! `rng`: twice 32 bytes of the entropy device, which must differ.

use alloc::format;
use alloc::string::String;

use virtio_drivers::device::rng::VirtIORng;

use super::Outcome;
use crate::virtio::{self, GuestHal};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn run() -> Outcome {
    let device = virtio::devices(virtio::ENTROPY).next().ok_or("no entropy device")?;
    let (transport, _) = device.open()?;
    let mut device: VirtIORng<GuestHal, _> = VirtIORng::new(transport).map_err(|error| format!("init: {error}"))?;
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
