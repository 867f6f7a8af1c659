//! What a block device is made from, and what its driver reads of it.

use crate::id::DeviceId;

/// The longest serial number (VIRTIO 1.2 5.2.6, VIRTIO_BLK_T_GET_ID).
pub(super) const SERIAL_LENGTH: usize = 20;

/// Configuration of a block device. Size and writability are the backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// What GET_ID answers: at most 20 bytes of ASCII; `None` answers nothing but zeros.
    pub serial: Option<String>,
    /// What a failed request does.
    pub on_error: OnError,
}

/// What happens when the host fails a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The guest gets VIRTIO_BLK_S_IOERR.
    #[default]
    Report,
}

impl BlockConfig {
    /// The serial number as GET_ID gives it, padded with zeros; `None`: it is too long or not ASCII.
    pub(super) fn serial_bytes(&self) -> Option<[u8; SERIAL_LENGTH]> {
        let serial = self.serial.as_deref().unwrap_or_default();
        let mut bytes = [0; SERIAL_LENGTH];
        bytes.get_mut(..serial.len()).filter(|_| serial.is_ascii())?.copy_from_slice(serial.as_bytes());
        Some(bytes)
    }
}

/// The start of `struct virtio_blk_config` (VIRTIO 1.2 5.2.4): capacity in sectors, size_max (not offered), seg_max.
/// Everything after it belongs to features that are not offered, and reads zero.
pub(super) fn config_space(sectors: u64, segments: u32) -> [u8; 16] {
    let mut space = [0; 16];
    let (capacity, rest) = space.split_at_mut(8);
    capacity.copy_from_slice(&sectors.to_le_bytes());
    let (_size_max, seg_max) = rest.split_at_mut(4);
    seg_max.copy_from_slice(&segments.to_le_bytes());
    space
}
