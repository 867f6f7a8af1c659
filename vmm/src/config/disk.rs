//! Disks and drives.

use devices::backend::block::{CacheMode, OnError};
use devices::id::DeviceId;
use devices::rate_limit::RateLimit;
use serde::{Deserialize, Serialize};

/// Queues that a disk has at most unless more are asked for.
const DEFAULT_QUEUES: u32 = 4;
/// Queues that a disk can have.
pub(super) const MAX_QUEUES: u16 = 64;

/// One disk or drive; its file or block device is the resource of the same id ([`crate::Resource::File`]). A CD-ROM drive
/// without a resource is empty.
///
/// ```
/// use vmm::{DiskBus, DiskConfig, DiskKind, VmConfig};
///
/// let root = DiskConfig { serial: Some("root".into()), ..DiskConfig::new("disk0") };
/// let drive = DiskConfig { bus: DiskBus::Sata, kind: DiskKind::Cdrom, ..DiskConfig::new("cdrom0") };
/// VmConfig { disks: vec![root, drive], ..VmConfig::default() }.validate()?;
/// # Ok::<(), vmm::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskConfig {
    /// Unique among the machine's devices.
    pub id: DeviceId,
    /// What it is connected to.
    #[serde(default)]
    pub bus: DiskBus,
    /// What it is.
    #[serde(default)]
    pub kind: DiskKind,
    /// The guest cannot write.
    #[serde(default)]
    pub readonly: bool,
    /// The serial number that it tells: at most 20 bytes of ASCII (VIRTIO 1.2 5.2.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The disk sits behind a PCI Express root port of its own (q35, virtio).
    #[serde(default)]
    pub root_port: bool,
    /// When firmware tries to start from this disk: devices with a number come first, the least before all, each number
    /// once; then the others, disks before networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_index: Option<u32>,
    /// What a failed request does.
    #[serde(default)]
    pub on_error: OnError,
    /// How the host's page cache is used, and what completed writes promise.
    #[serde(default)]
    pub cache: CacheMode,
    /// Queues, 1 to 64 (virtio). Absent: one for each vCPU of the start, but at most 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<u16>,
    /// Sizes of blocks that the guest is told (virtio; disks on other buses have 512 bytes).
    #[serde(default)]
    pub block_size: BlockSize,
    /// The guest may discard and zero ranges, which frees their place in the host's file.
    #[serde(default = "yes")]
    pub discard: bool,
    /// How much the guest may ask for.
    #[serde(default)]
    pub rate_limit: RateLimit,
}

/// What a disk is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskBus {
    /// It is a virtio block device.
    #[default]
    Virtio,
    /// It is a target of the machine's virtio SCSI device.
    Scsi,
    /// It is on a port of the SATA controller (q35).
    Sata,
}

/// What a disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// A disk.
    #[default]
    Disk,
    /// A drive whose disc can be changed while the machine runs, and is never written (sata, scsi).
    Cdrom,
    /// A disk that is asked for as a SCSI logical unit (scsi). Commands are answered by the machine, not by the host's
    /// storage: there are no reservations.
    Lun,
}

/// Block sizes in bytes: powers of two from 512 to 32768, the physical one not the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockSize {
    /// What the guest reads and writes in. An image that has partitions was made for one size.
    pub logical: u32,
    /// What the host does best with.
    pub physical: u32,
}

impl Default for BlockSize {
    fn default() -> Self {
        Self { logical: 512, physical: 4096 }
    }
}

impl BlockSize {
    /// Both are sizes, and in order.
    pub(super) fn is_valid(self) -> bool {
        let legal = |size: u32| size.is_power_of_two() && (512..=32768).contains(&size);
        legal(self.logical) && legal(self.physical) && self.logical <= self.physical
    }
}

impl DiskConfig {
    /// A disk about which nothing else is said.
    pub fn new(id: impl Into<DeviceId>) -> Self {
        Self {
            id: id.into(),
            bus: DiskBus::default(),
            kind: DiskKind::default(),
            readonly: false,
            serial: None,
            root_port: false,
            boot_index: None,
            on_error: OnError::default(),
            cache: CacheMode::default(),
            queues: None,
            block_size: BlockSize::default(),
            discard: true,
            rate_limit: RateLimit::default(),
        }
    }

    /// The guest cannot write: so it is configured, or it is a disc.
    pub fn is_readonly(&self) -> bool {
        self.readonly || self.kind == DiskKind::Cdrom
    }

    /// Queues that it has in a machine that starts with `vcpus`: on a shared bus it is served by one.
    pub(crate) fn queue_count(&self, vcpus: u32) -> u16 {
        if self.bus != DiskBus::Virtio {
            return 1;
        }
        self.queues.unwrap_or_else(|| u16::try_from(vcpus.clamp(1, DEFAULT_QUEUES)).unwrap_or(1))
    }
}

fn yes() -> bool {
    true
}
