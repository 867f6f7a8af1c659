//! A network whose other end is the test's: it sends the guest a datagram and hears its echo.

use super::rig::DEADLINE;
use devices::backend::net::{HEADER_LENGTH, NetBackend, Offloads};
use devices::virtio::net::MacAddress;
use rustix::buffer::spare_capacity;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;

/// The headers of virtio, Ethernet, IPv4 and UDP.
const HEADERS: usize = HEADER_LENGTH as usize + 14 + 20 + 8;

/// The machine's end.
pub(super) struct Wire(UnixDatagram);

impl NetBackend for Wire {
    fn queues(&self) -> u16 {
        1
    }

    fn receive(&self, _queue: u16, frame: &mut Vec<u8>) -> io::Result<()> {
        rustix::io::read(&self.0, spare_capacity(frame))?;
        Ok(())
    }

    fn send(&self, _queue: u16, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame).map(drop)
    }

    fn readable(&self, _queue: u16) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn offloads(&self) -> Offloads {
        Offloads::empty()
    }

    fn set_offloads(&self, _offloads: Offloads) -> io::Result<()> {
        Ok(())
    }

    fn set_active_queues(&self, _count: u16) -> io::Result<()> {
        Ok(())
    }
}

/// The test's end, at 10.99.0.1.
pub(super) struct Peer(UnixDatagram);

/// Both ends.
pub(super) fn wire() -> (Wire, Peer) {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_read_timeout(Some(DEADLINE)).unwrap();
    (Wire(ours), Peer(theirs))
}

impl Peer {
    /// Sends `contents`, of an even length, to UDP port 7 of the guest at `mac` and 10.99.0.2, and waits until they come
    /// back.
    pub(super) fn echo(&self, mac: MacAddress, contents: &[u8]) {
        self.0.send(&datagram(mac, contents)).unwrap();
        let mut frame = [0; 2048];
        let length = self.0.recv(&mut frame).unwrap();
        assert_eq!(&frame[HEADERS..length], contents);
    }
}

fn datagram(mac: MacAddress, contents: &[u8]) -> Vec<u8> {
    let udp_length = u16::try_from(8 + contents.len()).unwrap();
    let addresses = [10, 99, 0, 1, 10, 99, 0, 2];
    let mut ip = vec![0x45, 0];
    ip.extend((20 + udp_length).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    ip.extend(addresses);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    let mut udp = vec![0x13, 0x88, 0, 7];
    udp.extend(udp_length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(contents);
    // With the pseudo-header (RFC 768): addresses, protocol, length.
    let sum = checksum(&[&addresses[..], &[0, 17], &udp_length.to_be_bytes(), &udp].concat());
    udp[6..8].copy_from_slice(&sum);
    let ethernet = [&mac.bytes()[..], &[2, 0, 0, 0, 0, 1], &[8, 0]].concat();
    [&[0; HEADER_LENGTH as usize][..], &ethernet, &ip, &udp].concat()
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}
