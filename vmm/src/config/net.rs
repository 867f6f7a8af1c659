//! virtio network devices.

use devices::id::DeviceId;
use devices::virtio::net::MacAddress;
use serde::{Deserialize, Serialize};

/// The smallest MTU: what every IPv4 host must take (RFC 791 3.1), and the least of VIRTIO 1.2 5.1.4.1.
pub(super) const MIN_MTU: u16 = 68;

/// The most pairs of queues: what a TAP has.
pub(super) const MAX_QUEUES: u16 = 256;

/// One virtio network device; its TAP is the resource of the same id ([`crate::Resource::Tap`]).
///
/// ```
/// use vmm::NetConfig;
///
/// let net = NetConfig { mtu: Some(9000), ..NetConfig::new("net0", "52:54:00:12:34:56".parse()?) };
/// assert!(net.link_up);
/// # Ok::<(), vmm::MacAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// The guest's address, unique among the machine's.
    pub mac: MacAddress,
    /// The largest packet in bytes, without its Ethernet header, that the guest should use: 68 to 65535. `None`: the
    /// guest chooses, which is 1500 as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Pairs of queues, 1 to 256: as many as vCPUs may use at a time. Each is one queue of the TAP.
    #[serde(default = "one")]
    pub queues: u16,
    /// The cable is plugged in when the machine is built.
    #[serde(default = "yes")]
    pub link_up: bool,
    /// The device sits behind a PCI Express root port of its own (q35).
    #[serde(default)]
    pub root_port: bool,
    /// When firmware tries to start from this device: see [`crate::DiskConfig::boot_index`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_index: Option<u32>,
    /// The device has an expansion ROM, by which firmware without a driver of its own starts from the network. Its file
    /// is the resource [`crate::rom_of`]. Only where firmware starts.
    #[serde(default)]
    pub rom: bool,
}

impl NetConfig {
    /// A network device about which nothing else is said.
    pub fn new(id: impl Into<DeviceId>, mac: MacAddress) -> Self {
        Self {
            id: id.into(),
            mac,
            mtu: None,
            queues: one(),
            link_up: yes(),
            root_port: false,
            boot_index: None,
            rom: false,
        }
    }
}

fn yes() -> bool {
    true
}

fn one() -> u16 {
    1
}
