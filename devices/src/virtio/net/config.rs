//! What a network device is made from, and what its driver reads of it.

use super::mac::MacAddress;
use super::port::NetPort;
use crate::id::DeviceId;
use virtio_bindings::virtio_net::{VIRTIO_NET_S_ANNOUNCE, VIRTIO_NET_S_LINK_UP};

/// Configuration of a network device. It has as many pairs of queues as its network has queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// The driver's address.
    pub mac: MacAddress,
    /// The largest packet in bytes, without its Ethernet header; `None`: the device says nothing of it.
    pub mtu: Option<u16>,
}

impl NetConfig {
    /// The start of `struct virtio_net_config` (VIRTIO 1.2 5.1.4): mac, status, max_virtqueue_pairs, mtu. Everything after
    /// it belongs to features that are not offered, and reads zero. A driver may have given itself another address.
    pub(super) fn space(&self, mac: MacAddress, pairs: u16, port: &NetPort) -> [u8; 12] {
        let [a, b, c, d, e, f] = mac.bytes();
        let link = if port.is_link_up() { VIRTIO_NET_S_LINK_UP } else { 0 };
        let announce = if port.is_announcement_pending() { VIRTIO_NET_S_ANNOUNCE } else { 0 };
        let [status, ..] = (link | announce).to_le_bytes();
        let [pairs_low, pairs_high] = pairs.to_le_bytes();
        let [low, high] = self.mtu.unwrap_or(0).to_le_bytes();
        [a, b, c, d, e, f, status, 0, pairs_low, pairs_high, low, high]
    }
}
