//! Ethernet frames, as far as their lengths go.

use crate::backend::net::HEADER_LENGTH;

/// Bytes of an Ethernet header: two addresses and a type.
pub(super) const ETHERNET_HEADER: usize = 14;
/// What an 802.1Q tag adds to it.
const TAG: usize = 4;
/// The longest frame behind its virtio header: the largest MTU, tagged twice.
pub(super) const MAX_LENGTH: usize = HEADER_LENGTH as usize + ETHERNET_HEADER + 2 * TAG + u16::MAX as usize;

/// `frame` carries no more than `mtu` bytes (VIRTIO 1.2 5.1.4.1): tags belong to the header.
pub(super) fn fits(frame: &[u8], mtu: u16) -> bool {
    let tagged = matches!(frame.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8]));
    let header = ETHERNET_HEADER + if tagged { TAG } else { 0 };
    frame.len() <= header + usize::from(mtu)
}
