//! Frames of UDP and TCP over IPv4 whose checksum somebody else may have to complete, and the header that says so.

use alloc::vec::Vec;

use crate::ethernet::{Party, checksum};

/// What a frame leaves to others (`virtio_net_hdr`, VIRTIO 1.2 5.1.6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: a UDP datagram with its checksum.
    Whole,
    /// The checksum of a UDP datagram.
    Checksum,
    /// To cut a TCP segment.
    Tcp,
    /// To cut a UDP datagram.
    Udp,
}

/// Bytes of contents in each part of what is to be cut.
pub const PART: u16 = 1000;

/// How the checksum of a frame that came stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// It covers everything.
    Complete,
    /// It covers the pseudo-header only: the rest is left to us.
    Partial,
    /// It is wrong.
    Wrong,
}

/// Where Ethernet and IPv4 (without options) end.
const NETWORK: usize = 14;
const TRANSPORT: usize = 34;

/// The sum of addresses, protocol and length (RFC 768, RFC 793), not complemented.
fn pseudo_sum(addresses: &[u8], protocol: u8, length: usize) -> u16 {
    !checksum(addresses, u32::from(protocol) + length as u32)
}

impl Kind {
    fn protocol(self) -> u8 {
        if self == Self::Tcp { 6 } else { 17 }
    }

    /// Bytes of the transport's header, and where its checksum is.
    fn transport(self) -> (usize, usize) {
        if self == Self::Tcp { (20, 16) } else { (8, 6) }
    }

    /// The header before a frame of this kind.
    pub fn header(self) -> [u8; 12] {
        let (length, place) = self.transport();
        let (flags, gso) = match self {
            Self::Whole => return [0; 12],
            Self::Checksum => (1, 0),
            Self::Tcp => (1, 1),
            Self::Udp => (1, 5),
        };
        let [size, size_high] = if gso == 0 { [0; 2] } else { PART.to_le_bytes() };
        let headers = if gso == 0 { 0 } else { (TRANSPORT + length) as u8 };
        [flags, gso, headers, 0, size, size_high, TRANSPORT as u8, 0, place as u8, 0, 0, 0]
    }

    /// A frame with `contents`.
    pub fn frame(self, from: &Party, to: &Party, contents: &[u8]) -> Vec<u8> {
        [&self.head(from, to, contents), contents].concat()
    }

    /// The headers before `contents`, with their checksums.
    pub fn head(self, from: &Party, to: &Party, contents: &[u8]) -> Vec<u8> {
        let (length, place) = self.transport();
        let total = 20 + length + contents.len();
        let mut head = [&to.mac[..], &from.mac, &[8, 0, 0x45, 0]].concat();
        head.extend((total as u16).to_be_bytes());
        head.extend([0, 0, 0x40, 0, 64, self.protocol(), 0, 0]);
        head.extend(from.ip);
        head.extend(to.ip);
        let sum = checksum(&head[NETWORK..], 0);
        head[24..26].copy_from_slice(&sum.to_be_bytes());
        head.extend(from.port.to_be_bytes());
        head.extend(to.port.to_be_bytes());
        if self == Self::Tcp {
            // Sequence 1, acknowledged 1, data offset 5, PSH and ACK, a window.
            head.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        } else {
            head.extend(((8 + contents.len()) as u16).to_be_bytes());
            head.extend([0, 0]);
        }
        let pseudo = pseudo_sum(&head[26..TRANSPORT], self.protocol(), length + contents.len());
        let sum = match self {
            // The headers have an even number of bytes, so that the sums of both parts add up.
            Self::Whole => checksum(contents, u32::from(!checksum(&head[TRANSPORT..], pseudo.into()))),
            _ => pseudo,
        };
        head[TRANSPORT + place..TRANSPORT + place + 2].copy_from_slice(&sum.to_be_bytes());
        head
    }
}

/// A segment that came to `me`: who sent it, its checksum, and where its contents are.
pub fn understand(frame: &[u8], me: &Party) -> Option<(Party, Sum, core::ops::Range<usize>)> {
    let ours = frame.len() >= TRANSPORT + 8 && frame[12..15] == [8, 0, 0x45] && frame[30..34] == me.ip;
    if !ours || frame[36..38] != me.port.to_be_bytes() {
        return None;
    }
    let end = (NETWORK + usize::from(u16::from_be_bytes([frame[16], frame[17]]))).min(frame.len());
    let (length, place) = match frame[23] {
        6 => (20, 16),
        17 => (8, 6),
        _ => return None,
    };
    let segment = &frame[TRANSPORT..end];
    let pseudo = pseudo_sum(&frame[26..TRANSPORT], frame[23], segment.len());
    let sum = match checksum(segment, pseudo.into()) {
        0 => Sum::Complete,
        _ if segment[place..place + 2] == pseudo.to_be_bytes() => Sum::Partial,
        _ => Sum::Wrong,
    };
    let (mut mac, mut ip) = ([0; 6], [0; 4]);
    mac.copy_from_slice(&frame[6..12]);
    ip.copy_from_slice(&frame[26..30]);
    let from = Party { mac, ip, port: u16::from_be_bytes([frame[34], frame[35]]) };
    Some((from, sum, TRANSPORT + length..end))
}
