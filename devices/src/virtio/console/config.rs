//! What a console device is made from, and what its driver reads of it.

use crate::id::DeviceId;

/// Where `emerg_wr` stands in the configuration space.
pub(super) const EMERGENCY: u64 = 8;

/// Configuration of a console device; its ports are [`super::ConsolePorts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// The machine's name for it.
    pub id: DeviceId,
}

/// `struct virtio_console_config` (VIRTIO 1.2 5.3.4): cols, rows, max_nr_ports; emerg_wr reads zero.
pub(super) fn space((columns, rows): (u16, u16), ports: u32) -> [u8; 12] {
    let [a, b] = columns.to_le_bytes();
    let [c, d] = rows.to_le_bytes();
    let [e, f, g, h] = ports.to_le_bytes();
    [a, b, c, d, e, f, g, h, 0, 0, 0, 0]
}
