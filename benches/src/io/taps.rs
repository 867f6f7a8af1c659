//! The two TAP interfaces that `two_taps.sh` makes, and the frames that go through them.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use devices::backend::net::{NetBackend, Offloads, Tap};
use rustix::fs::OFlags;

/// The interfaces.
pub const NAMES: [&str; 2] = ["tap0", "tap1"];
/// Bytes of the header before a frame.
pub const HEADER_LENGTH: usize = devices::backend::net::HEADER_LENGTH as usize;
/// The longest frame that is sent as it is; a longer one is a TCP segment that nobody cuts on the way.
pub const WHOLE: usize = 1514;
/// Bytes of Ethernet, IPv4 and TCP.
const HEADERS: usize = 54;
/// How long the bridge may take until it carries frames.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both interfaces, once a frame that goes into the first comes out of the second.
///
/// # Errors
/// They are not there, or no frame comes.
pub fn open_pair(bytes: usize) -> Result<(Tap, Tap)> {
    let open = |name: &str| -> Result<Tap> { Ok(Tap::from_fds(&name.into(), vmm::open_tap(name, 1)?, 1)?) };
    let (from, to) = (open(NAMES[0])?, open(NAMES[1])?);
    if bytes > WHOLE {
        to.set_offloads(Offloads::GUEST_CSUM | Offloads::GUEST_TSO4)?;
    }
    let probe = frame(WHOLE);
    let mut buffer = Vec::with_capacity(1 << 16);
    let end = Instant::now() + PATIENCE;
    loop {
        // What an interface is given that is not up yet is refused.
        let sent = from.send(0, &probe);
        sleep(Duration::from_millis(2));
        buffer.clear();
        match to.receive(0, &mut buffer) {
            Ok(()) if buffer.len() == probe.len() => break,
            // The kernel says something of its own now and then.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("Frames cannot be taken"),
        }
        ensure!(Instant::now() < end, "No frame comes through within {PATIENCE:?}: {sent:?}");
    }
    while to.receive(0, &mut buffer).is_ok() {
        buffer.clear();
    }
    Ok((from, to))
}

/// From now on who takes a frame waits for it.
///
/// # Errors
/// The host refuses.
pub fn block(tap: &Tap) -> Result<()> {
    let descriptor = tap.readable(0).context("A TAP without a descriptor")?;
    let flags = rustix::fs::fcntl_getfl(descriptor)?;
    Ok(rustix::fs::fcntl_setfl(descriptor, flags - OFlags::NONBLOCK)?)
}

/// A frame of `bytes` bytes (at least those of its headers) behind its header, as the test guest sends it: a TCP segment,
/// to be cut where it is longer than [`WHOLE`].
pub fn frame(bytes: usize) -> Vec<u8> {
    let bytes = bytes.max(HEADERS);
    let mut frame = Vec::with_capacity(HEADER_LENGTH + bytes);
    if bytes > WHOLE {
        // NEEDS_CSUM, TCPV4; headers of 54 bytes, parts of 1000; the checksum at 16 from 34 (VIRTIO 1.2 5.1.6).
        frame.extend([1, 1, 54, 0, 0xe8, 3, 34, 0, 16, 0, 0, 0]);
    } else {
        frame.extend([0; HEADER_LENGTH]);
    }
    frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 8, 0]);
    let length = u16::try_from(bytes - 14).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 99, 0, 2, 10, 99, 1, 2];
    // A bridge that calls packet filters loses what is wrong.
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    frame.extend(header);
    frame.extend([0, 7, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(HEADER_LENGTH + bytes, 0x5a);
    frame
}

/// The Internet checksum (RFC 1071) of a header; 0 over one that has it.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_as_long_as_was_asked_and_says_so() {
        for bytes in [60, 1514, 64_054] {
            let frame = frame(bytes);
            assert_eq!(frame.len(), HEADER_LENGTH + bytes);
            let total = u16::from_be_bytes([frame[HEADER_LENGTH + 16], frame[HEADER_LENGTH + 17]]);
            assert_eq!(usize::from(total), bytes - 14);
            assert_eq!(checksum(&frame[HEADER_LENGTH + 14..HEADER_LENGTH + 34]), 0);
            assert_eq!(frame[1] != 0, bytes > WHOLE, "only a long one is to be cut");
        }
    }
}
