//! What a network device is made from, and what its driver reads of it.

use super::mac::MacAddress;
use crate::id::DeviceId;
use virtio_bindings::virtio_net::VIRTIO_NET_S_LINK_UP;

/// Configuration of a network device.
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
    /// The start of `struct virtio_net_config` (VIRTIO 1.2 5.1.4): mac, status, max_virtqueue_pairs (not offered), mtu.
    /// Everything after it belongs to features that are not offered, and reads zero.
    pub(super) fn space(&self, link_up: bool) -> [u8; 12] {
        let [a, b, c, d, e, f] = self.mac.bytes();
        let status = if link_up { VIRTIO_NET_S_LINK_UP } else { 0 };
        let [status, ..] = status.to_le_bytes();
        let [low, high] = self.mtu.unwrap_or(0).to_le_bytes();
        [a, b, c, d, e, f, status, 0, 0, 0, low, high]
    }
}
