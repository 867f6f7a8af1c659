//! The machine's configuration: plain, versioned data. It holds no path, interface name or descriptor number,
//! only device ids and what the guest can see; descriptors come beside it as [`crate::Resources`].

mod balloon;
mod buses;
mod console;
mod cpus;
mod disk;
mod identity;
mod io_threads;
mod memory;
mod net;
mod payload;
mod placement;
mod rng;
mod uuid;
mod validate;
mod vsock;

#[cfg(test)]
mod tests;

pub use balloon::BalloonConfig;
pub use console::ConsoleConfig;
pub use cpus::{CpuTopology, CpusConfig};
pub use disk::{BlockSize, DiskBus, DiskConfig, DiskKind};
pub use identity::IdentityConfig;
pub use io_threads::{IoThreadsConfig, IoThreadsPolicy};
pub use memory::{Backing, HugePageSize, MemoryConfig, TransparentHugePages};
pub use net::NetConfig;
pub use payload::{FirmwareInterface, KernelEntry, PayloadConfig};
pub use placement::{CpuPlacement, HostCpus, HostCpusError};
pub use rng::RngConfig;
pub use uuid::{MachineUuid, MachineUuidError};
pub use validate::ConfigError;
pub use vsock::VsockConfig;

use serde::{Deserialize, Serialize};

/// A virtual machine as its guest will see it: plain data, to be kept, sent and compared.
///
/// In Rust, write what differs from [`VmConfig::default`], so that fields which come later do not concern you:
///
/// ```
/// use vmm::{BoardConfig, DiskConfig, PayloadConfig, VmConfig};
///
/// let mut config = VmConfig {
///     board: BoardConfig::Microvm { acpi: true },
///     payload: PayloadConfig::kernel("console=ttyS0 root=/dev/vda"),
///     disks: vec![DiskConfig::new("disk0")],
///     ..VmConfig::default()
/// };
/// config.cpus.boot = 4;
/// config.memory.boot = 2 << 30;
/// config.validate()?;
/// # Ok::<(), vmm::ConfigError>(())
/// ```
///
/// The serialised form (serde) is stable: `version` says which it is, what is absent has its default, and unknown fields
/// are refused, so that nothing that was asked for is silently left out.
///
/// ```
/// use vmm::VmConfig;
///
/// let config: VmConfig = serde_json::from_str(r#"{"version": 1, "cpus": {"boot": 2}}"#)?;
/// assert_eq!(serde_json::from_str::<VmConfig>(&serde_json::to_string(&config)?)?, config);
/// let error = serde_json::from_str::<VmConfig>(r#"{"version": 1, "cpu": {"boot": 2}}"#).unwrap_err();
/// assert!(error.to_string().contains("unknown field `cpu`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmConfig {
    /// The version of this form: [`VmConfig::VERSION`].
    pub version: u32,
    /// The board: which buses, tables and fixed devices the guest finds.
    #[serde(default)]
    pub board: BoardConfig,
    /// vCPUs.
    #[serde(default)]
    pub cpus: CpusConfig,
    /// Guest RAM.
    #[serde(default)]
    pub memory: MemoryConfig,
    /// What runs first.
    #[serde(default)]
    pub payload: PayloadConfig,
    /// Disks and drives, in the order the guest finds them on each bus.
    #[serde(default)]
    pub disks: Vec<DiskConfig>,
    /// virtio network devices, in the order the guest finds them.
    #[serde(default)]
    pub nets: Vec<NetConfig>,
    /// The virtio entropy device.
    #[serde(default)]
    pub rng: RngConfig,
    /// The virtio socket device, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vsock: Option<VsockConfig>,
    /// The virtio console device, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<ConsoleConfig>,
    /// The virtio balloon device, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balloon: Option<BalloonConfig>,
    /// Who serves their queues.
    #[serde(default)]
    pub io_threads: IoThreadsConfig,
    /// What a reboot of the guest does.
    #[serde(default)]
    pub on_reboot: OnReboot,
    /// What a triple fault of the guest does. Absent: `exit` where a kernel starts, and `reset` where firmware does, which
    /// resets by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_triple_fault: Option<OnTripleFault>,
    /// What the machine is called. Guests find it in the SMBIOS tables.
    #[serde(default)]
    pub identity: IdentityConfig,
    /// The I/O port at which the guest marks milestones of its start by writing one byte.
    #[serde(default = "default_marker_port")]
    pub marker_port: u16,
}

impl VmConfig {
    /// The version that this program writes and reads.
    pub const VERSION: u32 = 1;
}

impl Default for VmConfig {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            board: BoardConfig::default(),
            cpus: CpusConfig::default(),
            memory: MemoryConfig::default(),
            payload: PayloadConfig::default(),
            disks: Vec::new(),
            nets: Vec::new(),
            rng: RngConfig::default(),
            vsock: None,
            console: None,
            balloon: None,
            io_threads: IoThreadsConfig::default(),
            on_reboot: OnReboot::default(),
            on_triple_fault: None,
            identity: IdentityConfig::default(),
            marker_port: default_marker_port(),
        }
    }
}

impl VmConfig {
    /// What a triple fault does, given or by the payload.
    pub(crate) fn triple_fault(&self) -> OnTripleFault {
        self.on_triple_fault.unwrap_or(match self.payload {
            PayloadConfig::Kernel { .. } => OnTripleFault::Exit,
            PayloadConfig::Firmware { .. } => OnTripleFault::Reset,
        })
    }
}

fn default_marker_port() -> u16 {
    0x80
}

/// The board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum BoardConfig {
    /// PCI Express with virtio-pci devices, an ICH9, full ACPI: what KubeVirt's guests expect.
    Q35 {},
    /// virtio-mmio, serial, RTC, i8042 reset; nothing else: the fastest boot.
    Microvm {
        /// `true`: devices are found by (reduced) ACPI. `false`: by `virtio_mmio.device=` on the command line and
        /// an MP table. Never both.
        #[serde(default = "yes")]
        acpi: bool,
    },
}

fn yes() -> bool {
    true
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self::Q35 {}
    }
}

/// What happens when the guest asks for a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnReboot {
    /// The machine starts again with the same disks, consoles and memory size.
    #[default]
    Restart,
    /// The machine stops, as after a power-off.
    Exit,
}

/// What happens on a triple fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTripleFault {
    /// The machine stops and counts as crashed.
    Exit,
    /// It is a reset, and [`OnReboot`] decides.
    Reset,
}
