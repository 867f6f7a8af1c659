//! What a block device is made from, and its configuration space.

use crate::id::DeviceId;

/// Configuration of a block device. Size and writability are the backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// What GET_ID answers: at most 20 bytes of ASCII; `None` answers the device's id.
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
