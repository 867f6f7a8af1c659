//! `struct virtio_vsock_hdr` (VIRTIO 1.2 5.10.6), which stands before every packet.

use bitflags::bitflags;

/// Bytes of a header.
pub(super) const HEADER_LENGTH: u32 = 44;
/// The host's address (VIRTIO 1.2 5.10.4).
pub(super) const HOST_CID: u64 = 2;
/// VIRTIO_VSOCK_TYPE_STREAM.
pub(super) const STREAM: u16 = 1;

/// A packet's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) src_cid: u64,
    pub(super) dst_cid: u64,
    pub(super) src_port: u32,
    pub(super) dst_port: u32,
    /// Bytes of the payload.
    pub(super) length: u32,
    /// The type of the socket.
    pub(super) kind: u16,
    /// What the packet does: one of [`op`].
    pub(super) op: u16,
    pub(super) flags: u32,
    /// Room that the sender has for the connection, in all.
    pub(super) buf_alloc: u32,
    /// Bytes that the sender's user has taken so far (modulo 2^32).
    pub(super) fwd_cnt: u32,
}

/// Operations (VIRTIO 1.2 5.10.6).
pub(super) mod op {
    pub(in crate::virtio::vsock) const REQUEST: u16 = 1;
    pub(in crate::virtio::vsock) const RESPONSE: u16 = 2;
    pub(in crate::virtio::vsock) const RST: u16 = 3;
    pub(in crate::virtio::vsock) const SHUTDOWN: u16 = 4;
    pub(in crate::virtio::vsock) const RW: u16 = 5;
    pub(in crate::virtio::vsock) const CREDIT_UPDATE: u16 = 6;
    pub(in crate::virtio::vsock) const CREDIT_REQUEST: u16 = 7;
}

bitflags! {
    /// Flags of [`op::SHUTDOWN`] (VIRTIO 1.2 5.10.6.5): what the sender will not do any more.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Shutdown: u32 {
        const RECEIVE = 1;
        const SEND = 2;
    }
}

impl Header {
    /// Reads a header.
    pub(super) fn from_bytes(bytes: &[u8; HEADER_LENGTH as usize]) -> Self {
        let mut rest = &bytes[..];
        Self {
            src_cid: u64::from_le_bytes(take(&mut rest)),
            dst_cid: u64::from_le_bytes(take(&mut rest)),
            src_port: u32::from_le_bytes(take(&mut rest)),
            dst_port: u32::from_le_bytes(take(&mut rest)),
            length: u32::from_le_bytes(take(&mut rest)),
            kind: u16::from_le_bytes(take(&mut rest)),
            op: u16::from_le_bytes(take(&mut rest)),
            flags: u32::from_le_bytes(take(&mut rest)),
            buf_alloc: u32::from_le_bytes(take(&mut rest)),
            fwd_cnt: u32::from_le_bytes(take(&mut rest)),
        }
    }

    /// Writes it down.
    pub(super) fn to_bytes(self) -> [u8; HEADER_LENGTH as usize] {
        let fields = [
            &self.src_cid.to_le_bytes()[..],
            &self.dst_cid.to_le_bytes(),
            &self.src_port.to_le_bytes(),
            &self.dst_port.to_le_bytes(),
            &self.length.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.op.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.buf_alloc.to_le_bytes(),
            &self.fwd_cnt.to_le_bytes(),
        ];
        let mut bytes = [0; HEADER_LENGTH as usize];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// The next `N` bytes; zeros beyond the end, where nobody reads.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((bytes, later)) => {
            *rest = later;
            *bytes
        }
        None => [0; N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_stands_as_the_specification_has_it() {
        let header = Header {
            src_cid: 0x0102_0304_0506_0708,
            dst_cid: 2,
            src_port: 3,
            dst_port: 4,
            length: 5,
            kind: 6,
            op: 7,
            flags: 8,
            buf_alloc: 9,
            fwd_cnt: 0xa0b0_c0d0,
        };
        let bytes = header.to_bytes();
        assert_eq!(bytes[..8], [8, 7, 6, 5, 4, 3, 2, 1]);
        let firsts = [8, 16, 20, 24, 28, 30, 32, 36].map(|offset| bytes[offset]);
        assert_eq!((firsts, &bytes[40..]), ([2, 3, 4, 5, 6, 7, 8, 9], &[0xd0, 0xc0, 0xb0, 0xa0][..]));
        assert_eq!(Header::from_bytes(&bytes), header);
    }
}
