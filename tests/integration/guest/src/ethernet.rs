//! A host of one address on an Ethernet: who it is to ARP, and UDP over IPv4.

use alloc::vec::Vec;

/// The type of a frame that carries ARP.
const ARP: u16 = 0x0806;
/// The type of a frame that carries IPv4.
const IPV4: u16 = 0x0800;
/// Where an Ethernet header ends.
const ETHERNET: usize = 14;
/// Where the header of IPv4 without options ends.
const IP_END: usize = ETHERNET + 20;
/// Where the header of UDP ends.
pub const UDP_END: usize = IP_END + 8;

/// Who somebody is on the network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// On the Ethernet.
    pub mac: [u8; 6],
    /// To IPv4.
    pub ip: [u8; 4],
    /// To UDP.
    pub port: u16,
}

/// What a frame is to us.
pub enum Meaning {
    /// Somebody asks for our address: the answer.
    Arp(Vec<u8>),
    /// A datagram to us.
    Udp {
        /// Its sender.
        from: Party,
        /// To which port.
        port: u16,
        /// Where in the frame its contents end.
        end: usize,
    },
    /// Nothing.
    Other,
    /// Addressed to us, and damaged.
    Damaged,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut copy = [0; N];
    copy.copy_from_slice(&bytes[at..at + N]);
    copy
}

/// The Internet checksum (RFC 1071) of `bytes`, with `sum` added; 0 over a header with its checksum.
pub fn checksum(bytes: &[u8], mut sum: u32) -> u16 {
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The checksum of the datagram that begins at its IP header (RFC 768): addresses and length count too.
fn udp_checksum(packet: &[u8]) -> u16 {
    let pseudo = 17 + (packet.len() - 20) as u32;
    checksum(&packet[12..], pseudo)
}

/// What `frame` is to `me`.
pub fn understand(frame: &[u8], me: &Party) -> Meaning {
    let ours = frame.len() >= ETHERNET && (frame[..6] == me.mac || frame[..6] == [0xff; 6]);
    match ours {
        true if word(frame, 12) == ARP => arp(frame, me),
        true if word(frame, 12) == IPV4 => udp(frame, me),
        _ => Meaning::Other,
    }
}

/// RFC 826.
fn arp(frame: &[u8], me: &Party) -> Meaning {
    let request = frame.len() >= ETHERNET + 28 && frame[14..22] == [0, 1, 8, 0, 6, 4, 0, 1];
    if !request || frame[38..42] != me.ip {
        return Meaning::Other;
    }
    let asker = &frame[22..32];
    let head = [&frame[6..12], &me.mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]].concat();
    Meaning::Arp([&head, &me.mac[..], &me.ip, asker].concat())
}

fn udp(frame: &[u8], me: &Party) -> Meaning {
    let plain = frame.len() >= UDP_END && frame[14] == 0x45 && frame[23] == 17;
    if !plain || frame[30..34] != me.ip {
        return Meaning::Other;
    }
    let end = ETHERNET + usize::from(word(frame, 16));
    if end < UDP_END || end > frame.len() || word(frame, 20) & 0x3fff != 0 {
        return Meaning::Damaged;
    }
    let packet = &frame[ETHERNET..end];
    let length_fits = usize::from(word(frame, IP_END + 4)) == packet.len() - 20;
    if !length_fits || checksum(&packet[..20], 0) != 0 || udp_checksum(packet) != 0 {
        return Meaning::Damaged;
    }
    let from = Party { mac: array(frame, 6), ip: array(frame, 26), port: word(frame, IP_END) };
    Meaning::Udp { from, port: word(frame, IP_END + 2), end }
}

/// A frame with a datagram of `contents`.
pub fn datagram(from: &Party, to: &Party, contents: &[u8]) -> Vec<u8> {
    let total = (20 + 8 + contents.len()) as u16;
    let mut packet = Vec::from([0x45, 0]);
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    packet.extend(from.ip);
    packet.extend(to.ip);
    let header = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    packet.extend(from.port.to_be_bytes());
    packet.extend(to.port.to_be_bytes());
    packet.extend((total - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(contents);
    // A checksum of zero would mean that there is none.
    let sum = match udp_checksum(&packet) {
        0 => 0xffff,
        sum => sum,
    };
    packet[26..28].copy_from_slice(&sum.to_be_bytes());
    [&to.mac[..], &from.mac, &IPV4.to_be_bytes(), &packet].concat()
}
