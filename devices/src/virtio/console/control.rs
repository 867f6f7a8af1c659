//! Messages of the control queues: `struct virtio_console_control` (VIRTIO 1.2 5.3.6.2).

use bitflags::bitflags;

/// Bytes of a message without what follows it.
pub(super) const LENGTH: usize = 8;

/// Events.
pub(super) mod event {
    pub(in crate::virtio::console) const DEVICE_READY: u16 = 0;
    pub(in crate::virtio::console) const DEVICE_ADD: u16 = 1;
    pub(in crate::virtio::console) const PORT_READY: u16 = 3;
    pub(in crate::virtio::console) const CONSOLE_PORT: u16 = 4;
    pub(in crate::virtio::console) const RESIZE: u16 = 5;
    pub(in crate::virtio::console) const PORT_OPEN: u16 = 6;
    pub(in crate::virtio::console) const PORT_NAME: u16 = 7;
}

bitflags! {
    /// Messages that the driver is to get of a port, in this order.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Pending: u8 {
        const ADD = 1;
        const CONSOLE = 2;
        const NAME = 4;
        const RESIZE = 8;
    }
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) port: u32,
    pub(super) event: u16,
    pub(super) value: u16,
}

impl Message {
    pub(super) fn from_bytes([a, b, c, d, e, f, g, h]: [u8; LENGTH]) -> Self {
        Self {
            port: u32::from_le_bytes([a, b, c, d]),
            event: u16::from_le_bytes([e, f]),
            value: u16::from_le_bytes([g, h]),
        }
    }

    /// The message, with `more` behind it.
    pub(super) fn with(self, more: &[u8]) -> Vec<u8> {
        let fields = [&self.port.to_le_bytes()[..], &self.event.to_le_bytes(), &self.value.to_le_bytes(), more];
        fields.concat()
    }
}
