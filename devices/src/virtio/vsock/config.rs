//! What a vsock device is made from, and what its driver reads of it.

use crate::id::DeviceId;

/// Configuration of a vsock device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VsockConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// The guest's address: 3 to 2^32 - 2 (VIRTIO 1.2 5.10.4).
    pub guest_cid: u32,
}

impl VsockConfig {
    /// `struct virtio_vsock_config`: guest_cid, whose upper half is reserved.
    pub(super) fn space(&self) -> [u8; 8] {
        u64::from(self.guest_cid).to_le_bytes()
    }
}
