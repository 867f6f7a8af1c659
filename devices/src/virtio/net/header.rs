//! `struct virtio_net_hdr_v1` (VIRTIO 1.2 5.1.6): what a frame lacks, as its sender says. Only what was negotiated counts,
//! and it must fit the frame.

use crate::backend::net::{HEADER_LENGTH, Offloads};
use virtio_bindings::virtio_net::{
    VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_ECN, VIRTIO_NET_HDR_GSO_NONE,
    VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4,
};

/// The header as it stands in memory.
pub(super) type RawHeader = [u8; HEADER_LENGTH as usize];

/// Its fields, without num_buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) flags: u8,
    pub(super) gso_type: u8,
    /// A hint: bytes of all headers of a frame that is to be cut.
    pub(super) hdr_len: u16,
    pub(super) gso_size: u16,
    pub(super) csum_start: u16,
    pub(super) csum_offset: u16,
}

/// A frame cannot be as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

const NEEDS_CSUM: u8 = low(VIRTIO_NET_HDR_F_NEEDS_CSUM);
const DATA_VALID: u8 = low(VIRTIO_NET_HDR_F_DATA_VALID);
const GSO_NONE: u8 = low(VIRTIO_NET_HDR_GSO_NONE);
const GSO_TCPV4: u8 = low(VIRTIO_NET_HDR_GSO_TCPV4);
const GSO_TCPV6: u8 = low(VIRTIO_NET_HDR_GSO_TCPV6);
const GSO_UDP_L4: u8 = low(VIRTIO_NET_HDR_GSO_UDP_L4);
const GSO_ECN: u8 = low(VIRTIO_NET_HDR_GSO_ECN);

/// The byte that a constant of a byte's field is.
const fn low(constant: u32) -> u8 {
    let [byte, ..] = constant.to_le_bytes();
    byte
}

impl Header {
    /// The fields of `raw`.
    pub(super) fn parse(raw: RawHeader) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h, _, _] = raw;
        let word = |low, high| u16::from_le_bytes([low, high]);
        Self {
            flags,
            gso_type,
            hdr_len: word(a, b),
            gso_size: word(c, d),
            csum_start: word(e, f),
            csum_offset: word(g, h),
        }
    }

    /// The header before a frame in `buffers` buffers.
    pub(super) fn bytes(self, buffers: u16) -> RawHeader {
        let Self { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset } = self;
        let [a, b] = hdr_len.to_le_bytes();
        let [c, d] = gso_size.to_le_bytes();
        let [e, f] = csum_start.to_le_bytes();
        let [g, h] = csum_offset.to_le_bytes();
        let [i, j] = buffers.to_le_bytes();
        [flags, gso_type, a, b, c, d, e, f, g, h, i, j]
    }

    /// The frame is to be cut.
    pub(super) fn is_segmented(self) -> bool {
        self.gso_type & !GSO_ECN != GSO_NONE
    }

    /// The offloads that `gso_type` asks for; `None`: of a kind that no device here has.
    fn segmentation(self, tcp4: Offloads, tcp6: Offloads, udp: Offloads, ecn: Offloads) -> Option<Offloads> {
        let with_ecn = if self.gso_type & GSO_ECN != 0 { ecn } else { Offloads::empty() };
        match self.gso_type & !GSO_ECN {
            GSO_NONE => Some(Offloads::empty()),
            GSO_TCPV4 => Some(tcp4 | with_ecn),
            GSO_TCPV6 => Some(tcp6 | with_ecn),
            GSO_UDP_L4 => Some(udp),
            _ => None,
        }
    }

    /// What the host may be told of a frame of `length` bytes that the guest sends (VIRTIO 1.2 5.1.6.2): fields that
    /// belong to nothing in `negotiated` are as if they were zero.
    pub(super) fn outgoing(self, length: usize, negotiated: Offloads) -> Result<Self, Malformed> {
        if self.flags & NEEDS_CSUM == 0 || !negotiated.contains(Offloads::CSUM) {
            let cut = self.is_segmented() && self.may_be_cut(negotiated);
            // 5.1.6.2.1: what is to be cut needs checksums too.
            return if cut { Err(Malformed) } else { Ok(Self::default()) };
        }
        let end = usize::from(self.csum_start) + usize::from(self.csum_offset) + 2;
        if end > length {
            return Err(Malformed);
        }
        let checksum =
            Self { flags: NEEDS_CSUM, csum_start: self.csum_start, csum_offset: self.csum_offset, ..Self::default() };
        if !self.is_segmented() || !self.may_be_cut(negotiated) {
            return Ok(checksum);
        }
        if self.gso_size == 0 {
            return Err(Malformed);
        }
        let hdr_len = self.hdr_len.min(u16::try_from(length).unwrap_or(u16::MAX));
        Ok(Self { gso_type: self.gso_type, gso_size: self.gso_size, hdr_len, ..checksum })
    }

    /// The way in which it wants to be cut was negotiated.
    fn may_be_cut(self, negotiated: Offloads) -> bool {
        let uso = Offloads::HOST_USO;
        let needed = self.segmentation(Offloads::HOST_TSO4, Offloads::HOST_TSO6, uso, Offloads::HOST_ECN);
        needed.is_some_and(|needed| negotiated.contains(needed))
    }

    /// What the guest is told of a frame that comes (VIRTIO 1.2 5.1.6.4.1); `None` when it lacks something that the guest
    /// does not do, because it was under way when `accepted` was still more.
    pub(super) fn incoming(self, accepted: Offloads) -> Option<Self> {
        // The protocol of UDP is in the frame; the host has been told of both or none.
        let udp = Offloads::GUEST_USO4 | Offloads::GUEST_USO6;
        let needed = self.segmentation(Offloads::GUEST_TSO4, Offloads::GUEST_TSO6, udp, Offloads::GUEST_ECN)?;
        let incomplete = self.flags & NEEDS_CSUM != 0 || self.is_segmented();
        let checksum = accepted.contains(Offloads::GUEST_CSUM);
        if !accepted.contains(needed) || incomplete && !checksum {
            return None;
        }
        let known = if checksum { NEEDS_CSUM | DATA_VALID } else { 0 };
        Some(Self { flags: self.flags & known, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP4: Header = Header { flags: 1, gso_type: 1, hdr_len: 54, gso_size: 1448, csum_start: 34, csum_offset: 16 };

    #[test]
    fn what_was_not_negotiated_is_as_if_it_were_not_there() {
        let send = |offloads| TCP4.outgoing(3000, offloads);
        assert_eq!(send(Offloads::empty()), Ok(Header::default()));
        assert_eq!(send(Offloads::GUEST), Ok(Header::default()));
        let checksum = Header { flags: 1, csum_start: 34, csum_offset: 16, ..Header::default() };
        assert_eq!(send(Offloads::CSUM), Ok(checksum));
        assert_eq!(send(Offloads::CSUM | Offloads::HOST_TSO6 | Offloads::HOST_USO), Ok(checksum));
        assert_eq!(send(Offloads::CSUM | Offloads::HOST_TSO4), Ok(TCP4));
        let ecn = Header { gso_type: 0x81, ..TCP4 };
        assert_eq!(ecn.outgoing(3000, Offloads::CSUM | Offloads::HOST_TSO4), Ok(checksum));
        assert_eq!(ecn.outgoing(3000, Offloads::all()), Ok(ecn));
        let fragments = Header { gso_type: 3, ..TCP4 };
        assert_eq!(fragments.outgoing(3000, Offloads::all()), Ok(checksum), "UFO is nobody's");
    }

    #[test]
    fn flags_that_only_a_device_sets_are_no_drivers() {
        let all = Header { flags: 0xff, gso_type: 0, ..TCP4 };
        assert_eq!(all.outgoing(3000, Offloads::all()).unwrap().flags, 1);
        let valid = Header { flags: 2, ..Header::default() };
        assert_eq!(valid.outgoing(3000, Offloads::all()), Ok(Header::default()));
    }

    #[test]
    fn a_header_that_does_not_fit_its_frame_is_malformed() {
        let send = |header: Header, length| header.outgoing(length, Offloads::all()).map(|header| header.hdr_len);
        assert_eq!(send(TCP4, 52), Ok(52), "a hint is no more than the frame");
        assert_eq!(send(TCP4, 51), Err(Malformed), "the checksum's place is outside");
        assert_eq!(send(Header { csum_start: 0xffff, csum_offset: 0xffff, ..TCP4 }, 65_535), Err(Malformed));
        assert_eq!(send(Header { gso_size: 0, ..TCP4 }, 3000), Err(Malformed));
        assert_eq!(send(Header { flags: 0, ..TCP4 }, 3000), Err(Malformed), "cut, but without checksums");
    }

    #[test]
    fn a_frame_that_lacks_what_the_guest_does_not_do_never_comes() {
        let tso = Offloads::GUEST_CSUM | Offloads::GUEST_TSO4;
        let whole = Header { flags: 2, ..Header::default() };
        let partial = Header { flags: 1, csum_start: 34, csum_offset: 6, ..Header::default() };
        let udp = Header { gso_type: 5, ..TCP4 };
        let cases = [
            (whole, Offloads::empty(), Some(Header::default())),
            (whole, Offloads::GUEST_CSUM, Some(whole)),
            (partial, Offloads::empty(), None),
            (partial, Offloads::GUEST_CSUM, Some(partial)),
            (TCP4, Offloads::GUEST_CSUM, None),
            (TCP4, Offloads::GUEST_TSO4, None),
            (TCP4, tso, Some(TCP4)),
            (Header { gso_type: 4, ..TCP4 }, tso, None),
            (Header { gso_type: 0x81, ..TCP4 }, tso, None),
            (Header { gso_type: 0x81, ..TCP4 }, tso | Offloads::GUEST_ECN, Some(Header { gso_type: 0x81, ..TCP4 })),
            (Header { gso_type: 3, ..TCP4 }, Offloads::all(), None),
            (udp, tso, None),
            (udp, Offloads::GUEST, Some(udp)),
        ];
        for (header, accepted, expected) in cases {
            assert_eq!(header.incoming(accepted), expected, "{header:?} {accepted:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_driver_says_the_host_hears_only_what_fits(raw in any::<RawHeader>(), length in 14usize..70_000, bits in any::<u64>()) {
            let negotiated = Offloads::from_bits_truncate(bits).consistent();
            let header = Header::parse(raw);
            prop_assert_eq!(&header.bytes(0)[..10], &raw[..10]);
            let Ok(told) = header.outgoing(length, negotiated) else { return Ok(()) };
            prop_assert!(told.flags & !1 == 0 && usize::from(told.hdr_len) <= length);
            if told.flags == 0 {
                prop_assert_eq!(told, Header::default());
            } else {
                prop_assert!(negotiated.contains(Offloads::CSUM));
                prop_assert!(usize::from(told.csum_start) + usize::from(told.csum_offset) + 2 <= length);
            }
            prop_assert!(!told.is_segmented() || told.gso_size > 0 && told.may_be_cut(negotiated));
        }
    }
}
