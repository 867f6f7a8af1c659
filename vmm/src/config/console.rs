//! The virtio console device.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};

/// Ports besides the console: more than anybody needs, and fewer queues than a device may have.
pub(super) const MAX_PORTS: usize = 30;
/// The longest name of a port in bytes.
pub(super) const MAX_PORT_NAME: usize = 64;

/// The virtio console device: a console (Linux: hvc0), and named ports.
///
/// The console's other end is the resource of the same id ([`crate::Resource::Stream`]), without which output is
/// discarded; that of a port is the resource [`crate::port_of`] its name ([`crate::Resource::Listener`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// The ports that the guest finds by their names (Linux: /dev/virtio-ports/NAME), for example
    /// `org.qemu.guest_agent.0`: letters, digits, '-', '_' and '.', at most 64, each once.
    #[serde(default)]
    pub ports: Vec<String>,
    /// The device sits behind a PCI Express root port of its own (q35).
    #[serde(default)]
    pub root_port: bool,
}

impl ConsoleConfig {
    /// A console without ports.
    pub fn new(id: impl Into<DeviceId>) -> Self {
        Self { id: id.into(), ports: Vec::new(), root_port: false }
    }
}
