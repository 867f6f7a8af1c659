//! Frames of UDP and TCP over IPv4, with the header that says what they lack.

/// Ethernet, IPv4 without options.
const TRANSPORT: usize = 34;

/// A frame behind its virtio header.
#[derive(Debug)]
pub struct Framed {
    pub header: [u8; 12],
    pub bytes: Vec<u8>,
}

/// The sum of RFC 1071, not complemented.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.fold(start, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// FNV-1a.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// From 10.98.0.2 port 4000 to 10.99.0.2 port 7, by the host whose address on `tap1` is 02:00:00:00:98:01; its checksum covers the pseudo-header only.
/// With `part`, it is TCP that is to be cut to so many bytes each.
pub fn unfinished(part: Option<u16>, contents: &[u8]) -> Framed {
    let (protocol, length, place) = if part.is_some() { (6u8, 20, 16) } else { (17, 8, 6) };
    let segment_length = u16::try_from(length + contents.len()).unwrap();
    let mut bytes = vec![2, 0, 0, 0, 0x98, 1, 2, 0, 0, 0, 0x98, 2, 8, 0, 0x45, 0];
    bytes.extend((20 + segment_length).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 98, 0, 2, 10, 99, 0, 2]);
    let header_sum = !sum(&bytes[14..], 0);
    bytes[24..26].copy_from_slice(&header_sum.to_be_bytes());
    bytes.extend([0x0f, 0xa0, 0, 7]);
    if part.is_some() {
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        bytes.extend(segment_length.to_be_bytes());
        bytes.extend([0, 0]);
    }
    let pseudo = sum(&bytes[26..TRANSPORT], u32::from(protocol) + u32::from(segment_length));
    bytes[TRANSPORT + place..TRANSPORT + place + 2].copy_from_slice(&pseudo.to_be_bytes());
    bytes.extend(contents);
    let [size, size_high] = part.unwrap_or(0).to_le_bytes();
    let (gso, headers) = if part.is_some() { (1, 54) } else { (0, 0) };
    let place = u8::try_from(place).unwrap();
    Framed { header: [1, gso, headers, 0, size, size_high, 34, 0, place, 0, 0, 0], bytes }
}

/// The contents of a frame from 10.99.0.2 port 7, and whether its checksum is complete; `None` for others.
pub fn contents(frame: &Framed) -> Option<(&[u8], bool)> {
    let bytes = &frame.bytes;
    let from_guest = bytes.len() > 42 && bytes[12..15] == [8, 0, 0x45] && bytes[26..30] == [10, 99, 0, 2];
    if !from_guest || bytes[34..36] != [0, 7] {
        return None;
    }
    let end = 14 + usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let start = TRANSPORT + if bytes[23] == 6 { 20 } else { 8 };
    let segment = bytes.get(TRANSPORT..end)?;
    let pseudo = sum(&bytes[26..TRANSPORT], u32::from(bytes[23]) + u32::try_from(segment.len()).unwrap());
    Some((bytes.get(start..end)?, sum(segment, pseudo.into()) == 0xffff))
}
