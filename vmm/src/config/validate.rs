//! What a configuration must hold before anything is made of it.

use super::console::{MAX_PORT_NAME, MAX_PORTS};
use super::disk::MAX_QUEUES as MAX_DISK_QUEUES;
use super::net::{MAX_QUEUES, MIN_MTU};
use super::vsock::GUEST_CIDS;
use super::{Backing, BoardConfig, CpuTopology, DiskBus, HugePageSize, IoThreadsPolicy, PayloadConfig, VmConfig};
use crate::arch::x86_64::topology::{Topology, TopologyError};
use crate::memory::layout;
use devices::id::DeviceId;
use devices::virtio::net::MacAddress;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// The smallest RAM a machine can have.
pub(crate) const MIN_MEMORY: u64 = 16 << 20;
/// RAM is given in whole pages.
pub(crate) const PAGE_SIZE: u64 = 4096;
/// Bytes of all files for the firmware together.
const MAX_FIRMWARE_FILES: usize = 1 << 20;
/// How the names of such files begin, and the longest name (fw_cfg has 56 bytes, with a NUL).
const FIRMWARE_FILE_PREFIX: &str = "opt/";
const MAX_FIRMWARE_FILE_NAME: usize = 55;
/// What SMBIOS has always allowed (SMBIOS 2.3, 3.1.3).
const MAX_IDENTITY: usize = 64;
/// The longest serial GET_ID can answer (VIRTIO 1.2 5.2.6).
const MAX_SERIAL: usize = 20;
/// Threads of a pool: more than a host has use for.
const MAX_IO_THREADS: u16 = 64;

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The configuration has a version that this program does not know.
    #[error("Configuration version {0} is not known: this program reads version {known}", known = VmConfig::VERSION)]
    Version(u32),
    /// `cpus.boot` is zero.
    #[error("A machine needs at least 1 vCPU: cpus.boot is 0")]
    NoCpus,
    /// `cpus.max` is below `cpus.boot`.
    #[error("cpus.max ({max}) is below cpus.boot ({boot})")]
    CpusMaxBelowBoot {
        /// `cpus.boot`.
        boot: u32,
        /// `cpus.max`.
        max: u32,
    },
    /// The vCPUs cannot be arranged so.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The topology does not give the number of vCPUs.
    #[error(
        "The CPU topology {sockets}x{cores}x{threads} (sockets x cores x threads) makes {product} vCPUs, but there are {max} (cpus.max, or else cpus.boot)"
    )]
    TopologyMismatch {
        /// Sockets.
        sockets: u32,
        /// Cores per socket.
        cores: u32,
        /// Threads per core.
        threads: u32,
        /// Their product.
        product: u64,
        /// vCPUs there may be.
        max: u32,
    },
    /// Host CPUs for a vCPU that is not there.
    #[error("cpus.placement names host CPUs for vCPU {vcpu}, but there are only 0 to {}", boot.saturating_sub(1))]
    Placement {
        /// The vCPU that is named.
        vcpu: u32,
        /// `cpus.boot`.
        boot: u32,
    },
    /// Less RAM than any machine can run with.
    #[error("{0} bytes of memory are too little: a machine needs at least 16 MiB")]
    TooLittleMemory(u64),
    /// RAM that is not a whole number of pages.
    #[error("{0} bytes of memory are not a multiple of the page size, 4096")]
    MemoryNotPages(u64),
    /// `memory.max` is below `memory.boot`.
    #[error("memory.max ({max} bytes) is below memory.boot ({boot} bytes)")]
    MemoryMaxBelowBoot {
        /// `memory.boot`.
        boot: u64,
        /// `memory.max`.
        max: u64,
    },
    /// RAM that does not fill its huge pages.
    #[error("{boot} bytes of memory do not fill huge pages of {page}: give the machine a multiple of {}", page.bytes())]
    MemoryNotHugePages {
        /// `memory.boot`.
        boot: u64,
        /// The pages of its backing.
        page: HugePageSize,
    },
    /// Two devices share an id.
    #[error("Two devices are called {0}: give each an id of its own")]
    DuplicateId(DeviceId),
    /// A device has a name that the board uses itself.
    #[error("{0} is the name of a device of the board: choose another id")]
    ReservedId(DeviceId),
    /// An id that log lines and tables cannot carry.
    #[error("{0:?} cannot name a device: use 1 to 64 letters, digits, '-', '_' or '.'")]
    BadId(String),
    /// The serial is longer than the device can tell, or not ASCII.
    #[error("The serial of {disk} cannot be told by the device: it must be 1 to 20 printable ASCII characters")]
    BadSerial {
        /// Whose serial.
        disk: DeviceId,
    },
    /// More devices than the board has slots for.
    #[error(
        "{count} virtio devices are too many: the {board} board has room for {max}, one of them the entropy device"
    )]
    TooManyDevices {
        /// The board.
        board: &'static str,
        /// Devices asked for.
        count: usize,
        /// Devices possible.
        max: usize,
    },
    /// The board has no PCI.
    #[error("{0} cannot have a root port: the microvm board has no PCI; use the q35 board")]
    NoRootPorts(DeviceId),
    /// virtio block devices have no medium that changes; only one bus has SCSI units.
    #[error("{disk} cannot be a {kind} on its bus: use {buses}")]
    WrongBus {
        /// Which disk.
        disk: DeviceId,
        /// What it was to be.
        kind: &'static str,
        /// Where that can be.
        buses: &'static str,
    },
    /// The controller has the slot, not the disk.
    #[error("{0} cannot have a root port of its own: it shares its bus with other disks; use the virtio bus")]
    SharedBus(DeviceId),
    /// The board has no PCI.
    #[error("{0} cannot be on the SATA bus: the microvm board has no PCI; use the q35 board, or virtio or scsi")]
    NoSata(DeviceId),
    /// More disks than the bus addresses.
    #[error("{count} disks are too many for the {bus} bus: it has room for {max}")]
    TooManyOnBus {
        /// Which bus.
        bus: &'static str,
        /// Disks asked for.
        count: usize,
        /// Disks possible.
        max: usize,
    },
    /// An MTU that no network has.
    #[error("The MTU of {net} is {mtu}: it must be {min} to 65535 bytes", min = MIN_MTU)]
    BadMtu {
        /// Whose MTU.
        net: DeviceId,
        /// The MTU in bytes.
        mtu: u16,
    },
    /// More pairs of queues than a TAP has queues, or none.
    #[error("{net} has {queues} pairs of queues: it must be 1 to {MAX_QUEUES}")]
    BadQueues {
        /// Whose pairs.
        net: DeviceId,
        /// How many.
        queues: u16,
    },
    /// Two network devices share an address.
    #[error("{first} and {second} have the same MAC address {mac}: give each its own")]
    DuplicateMac {
        /// One of them.
        first: DeviceId,
        /// The other.
        second: DeviceId,
        /// Their address.
        mac: MacAddress,
    },
    /// A guest cannot have this address.
    #[error("The address (CID) of {vsock} is {cid}: it must be {first} to {last}", first = GUEST_CIDS.start(), last = GUEST_CIDS.end())]
    BadCid {
        /// Whose address.
        vsock: DeviceId,
        /// The address.
        cid: u32,
    },
    /// The name is none of a console port.
    #[error("{0:?} cannot name a console port: use 1 to {MAX_PORT_NAME} letters, digits, '-', '_' or '.'")]
    BadPort(String),
    /// Two console ports share a name.
    #[error("Two console ports are called {0}: give each a name of its own")]
    DuplicatePort(String),
    /// More ports than a console device has queues for.
    #[error("{0} console ports are too many: there can be {MAX_PORTS}")]
    TooManyPorts(usize),
    /// The balloon cannot have this size.
    #[error("The balloon cannot have {size} bytes: it must be whole pages of 4096 bytes, and no more than the memory")]
    BadBalloon {
        /// The size in bytes.
        size: u64,
    },
    /// The marker port would hide the board's power button and its way to switch off.
    #[error(
        "Port {0:#x} cannot be the marker port: the q35 board has its power management at {first:#x} to {last:#x}",
        first = layout::PM_PORTS.start,
        last = layout::PM_PORTS.end - 1
    )]
    MarkerPort(u16),
    /// The board is none that firmware knows.
    #[error("Firmware runs on the q35 board only: use it, or start a kernel")]
    FirmwareBoard,
    /// Only virtio block devices have them of their own.
    #[error("{disk} cannot have {what} of its own on its bus: leave them out, or use the virtio bus")]
    VirtioOnly {
        /// Which disk.
        disk: DeviceId,
        /// What it was given.
        what: &'static str,
    },
    /// A queue of a disk is a descriptor of the host.
    #[error("{0} has an impossible number of queues: use 1 to {MAX_DISK_QUEUES}")]
    DiskQueues(DeviceId),
    /// Blocks that no disk has.
    #[error("{0} has impossible block sizes: use powers of two from 512 to 32768, the physical one not the smaller")]
    BlockSize(DeviceId),
    /// A pool needs its size.
    #[error("A pool of I/O threads needs a count of 1 to {MAX_IO_THREADS}")]
    IoThreadsPool,
    /// Only a pool has a size.
    #[error("I/O threads can be counted only in a pool: set their policy to pool, or leave the count out")]
    IoThreadsCount,
    /// There is no firmware that would run it.
    #[error("{0} cannot have an expansion ROM: a kernel that is started directly does not look at it; use firmware")]
    RomWithoutFirmware(DeviceId),
    /// Two devices are to be tried at the same time.
    #[error("{first} and {second} have the same boot index {index}: give each its own")]
    DuplicateBootIndex {
        /// One of them.
        first: DeviceId,
        /// The other.
        second: DeviceId,
        /// Their index.
        index: u32,
    },
    /// The name is none of a file for firmware.
    #[error("{0:?} cannot name a file for the firmware: use opt/ and up to 51 printable ASCII characters")]
    FirmwareFile(String),
    /// More than anybody would read.
    #[error("The files for the firmware have {0} bytes together: use at most {MAX_FIRMWARE_FILES}")]
    FirmwareFilesTooLarge(usize),
    /// SMBIOS cannot tell it.
    #[error("The machine's {0} cannot be told in the SMBIOS tables: use 1 to 64 printable ASCII characters")]
    Identity(&'static str),
    /// The command line is not what a kernel can take.
    #[error("The kernel command line has a NUL or a byte that is not ASCII at position {0}")]
    BadCmdline(usize),
}

impl VmConfig {
    /// vCPUs there may be.
    pub(crate) fn max_cpus(&self) -> u32 {
        self.cpus.max.unwrap_or(match self.cpus.topology {
            Some(t) => t.sockets.saturating_mul(t.cores).saturating_mul(t.threads),
            None => self.cpus.boot,
        })
    }

    /// The topology, given or default.
    pub(crate) fn topology(&self) -> CpuTopology {
        self.cpus.topology.unwrap_or(CpuTopology { sockets: self.max_cpus(), cores: 1, threads: 1 })
    }

    /// Checks everything that can be known without the host. [`crate::Vm::build`] does it too.
    ///
    /// ```
    /// let mut config = vmm::VmConfig::default();
    /// config.memory.boot = 4096;
    /// let error = config.validate().unwrap_err();
    /// assert_eq!(error.to_string(), "4096 bytes of memory are too little: a machine needs at least 16 MiB");
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.version != Self::VERSION {
            return Err(ConfigError::Version(self.version));
        }
        self.validate_cpus()?;
        self.validate_memory()?;
        self.validate_ids()?;
        self.validate_disks()?;
        self.validate_buses()?;
        self.validate_slots()?;
        self.validate_nets()?;
        self.validate_vsock()?;
        self.validate_console()?;
        self.validate_balloon()?;
        self.validate_io_threads()?;
        // Other devices' ports are taken first, and refuse it themselves.
        if self.board == (BoardConfig::Q35 {}) && layout::PM_PORTS.contains(&self.marker_port.into()) {
            return Err(ConfigError::MarkerPort(self.marker_port));
        }
        self.validate_boot_order()?;
        self.validate_identity()?;
        self.validate_payload()
    }

    fn validate_payload(&self) -> Result<(), ConfigError> {
        match &self.payload {
            PayloadConfig::Kernel { cmdline, .. } => {
                match cmdline.bytes().position(|byte| byte == 0 || !byte.is_ascii()) {
                    Some(position) => Err(ConfigError::BadCmdline(position)),
                    None => Ok(()),
                }
            }
            PayloadConfig::Firmware { .. } if self.board != (BoardConfig::Q35 {}) => Err(ConfigError::FirmwareBoard),
            PayloadConfig::Firmware { files, .. } => validate_firmware_files(files),
        }
    }

    fn validate_boot_order(&self) -> Result<(), ConfigError> {
        let mut seen: BTreeMap<u32, &DeviceId> = BTreeMap::new();
        let disks = self.disks.iter().map(|disk| (&disk.id, disk.boot_index));
        for (id, index) in disks.chain(self.nets.iter().map(|net| (&net.id, net.boot_index))) {
            let Some(index) = index else { continue };
            if let Some(first) = seen.insert(index, id) {
                return Err(ConfigError::DuplicateBootIndex { first: first.clone(), second: id.clone(), index });
            }
        }
        let starts_firmware = matches!(self.payload, PayloadConfig::Firmware { .. });
        match self.nets.iter().find(|net| net.rom && !starts_firmware) {
            Some(net) => Err(ConfigError::RomWithoutFirmware(net.id.clone())),
            None => Ok(()),
        }
    }

    fn validate_identity(&self) -> Result<(), ConfigError> {
        let legal = |text: &str| {
            (1..=MAX_IDENTITY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        };
        match self.identity.texts().find(|(_, text)| !legal(text)) {
            Some((name, _)) => Err(ConfigError::Identity(name)),
            None => Ok(()),
        }
    }

    fn validate_cpus(&self) -> Result<(), ConfigError> {
        let boot = self.cpus.boot;
        if boot == 0 {
            return Err(ConfigError::NoCpus);
        }
        let max = self.max_cpus();
        // Those that may come later but have no APIC id are left out, with a warning: only those at the start count.
        let fits = Topology::new(self.topology(), boot);
        if let Some(CpuTopology { sockets, cores, threads }) = self.cpus.topology {
            if let Err(empty @ TopologyError::Empty { .. }) = fits {
                return Err(empty.into());
            }
            let product = u64::from(sockets).saturating_mul(cores.into()).saturating_mul(threads.into());
            if product != u64::from(max) {
                return Err(ConfigError::TopologyMismatch { sockets, cores, threads, product, max });
            }
        }
        if max < boot {
            return Err(ConfigError::CpusMaxBelowBoot { boot, max });
        }
        fits?;
        let placed = self.cpus.placement.iter().flat_map(|placement| placement.vcpus.keys());
        match placed.max() {
            Some(&vcpu) if vcpu >= boot => Err(ConfigError::Placement { vcpu, boot }),
            _ => Ok(()),
        }
    }

    fn validate_memory(&self) -> Result<(), ConfigError> {
        let boot = self.memory.boot;
        let max = self.memory.max.unwrap_or(boot);
        for bytes in [boot, max] {
            if !bytes.is_multiple_of(PAGE_SIZE) {
                return Err(ConfigError::MemoryNotPages(bytes));
            }
        }
        if boot < MIN_MEMORY {
            return Err(ConfigError::TooLittleMemory(boot));
        }
        if max < boot {
            return Err(ConfigError::MemoryMaxBelowBoot { boot, max });
        }
        match self.memory.backing {
            Backing::Hugetlb(page) if !boot.is_multiple_of(page.bytes()) => {
                Err(ConfigError::MemoryNotHugePages { boot, page })
            }
            _ => Ok(()),
        }
    }

    /// The entropy device and all others have a place on the board.
    fn validate_slots(&self) -> Result<(), ConfigError> {
        let count = self.virtio_devices();
        match self.board {
            BoardConfig::Microvm { .. } => {
                if let Some((id, _)) = self.behind_root_ports().next() {
                    return Err(ConfigError::NoRootPorts(id.clone()));
                }
                let max = layout::VIRTIO_MMIO_SLOTS;
                if count > max {
                    return Err(ConfigError::TooManyDevices { board: "microvm", count, max });
                }
            }
            BoardConfig::Q35 {} => {
                // A slot each, but root ports share one by eight.
                let ports = self.behind_root_ports().count();
                let max = layout::PCI_DEVICE_SLOTS;
                if count - ports + ports.div_ceil(layout::PCI_FUNCTIONS) > max {
                    return Err(ConfigError::TooManyDevices { board: "q35", count, max });
                }
            }
        }
        Ok(())
    }

    /// How many virtio devices the board has: the entropy device, and a SCSI device for all disks of its bus.
    pub(crate) fn virtio_devices(&self) -> usize {
        let shared = self.disks.iter().filter(|disk| disk.bus != DiskBus::Virtio).count();
        let controllers = usize::from(self.on_bus(DiskBus::Scsi).next().is_some());
        1 + self.devices().count() - shared + controllers
    }

    /// Id and place of each device that is configured, in the order in which they get their slots.
    fn devices(&self) -> impl Iterator<Item = (&DeviceId, bool)> {
        let disks = self.disks.iter().map(|disk| (&disk.id, disk.root_port));
        let nets = self.nets.iter().map(|net| (&net.id, net.root_port));
        let vsock = self.vsock.iter().map(|vsock| (&vsock.id, vsock.root_port));
        let console = self.console.iter().map(|console| (&console.id, console.root_port));
        let balloon = self.balloon.iter().map(|balloon| (&balloon.id, balloon.root_port));
        disks.chain(nets).chain(vsock).chain(console).chain(balloon)
    }

    /// Those that sit behind a root port of their own.
    pub(crate) fn behind_root_ports(&self) -> impl Iterator<Item = (&DeviceId, bool)> {
        self.devices().filter(|(_, root_port)| *root_port)
    }

    fn validate_ids(&self) -> Result<(), ConfigError> {
        let mut seen = BTreeSet::new();
        for (id, _) in self.devices() {
            let name = id.as_str();
            if name.is_empty() || name.len() > 64 || !name.chars().all(is_of_name) {
                return Err(ConfigError::BadId(name.into()));
            }
            if crate::resources::RESERVED.contains(&name) {
                return Err(ConfigError::ReservedId(id.clone()));
            }
            if !seen.insert(id) {
                return Err(ConfigError::DuplicateId(id.clone()));
            }
        }
        Ok(())
    }

    fn validate_disks(&self) -> Result<(), ConfigError> {
        for disk in &self.disks {
            if let Some(serial) = &disk.serial
                && (serial.is_empty()
                    || serial.len() > MAX_SERIAL
                    || !serial.bytes().all(|b| b.is_ascii_graphic() || b == b' '))
            {
                return Err(ConfigError::BadSerial { disk: disk.id.clone() });
            }
            if disk.queues.is_some_and(|queues| !(1..=MAX_DISK_QUEUES).contains(&queues)) {
                return Err(ConfigError::DiskQueues(disk.id.clone()));
            }
            if !disk.block_size.is_valid() {
                return Err(ConfigError::BlockSize(disk.id.clone()));
            }
        }
        Ok(())
    }

    fn validate_console(&self) -> Result<(), ConfigError> {
        let Some(console) = &self.console else { return Ok(()) };
        if console.ports.len() > MAX_PORTS {
            return Err(ConfigError::TooManyPorts(console.ports.len()));
        }
        let mut seen = BTreeSet::new();
        for name in &console.ports {
            if !(1..=MAX_PORT_NAME).contains(&name.len()) || !name.chars().all(is_of_name) {
                return Err(ConfigError::BadPort(name.clone()));
            }
            if !seen.insert(name) {
                return Err(ConfigError::DuplicatePort(name.clone()));
            }
        }
        Ok(())
    }

    fn validate_balloon(&self) -> Result<(), ConfigError> {
        match &self.balloon {
            Some(balloon) if balloon.size > self.memory.boot || !balloon.size.is_multiple_of(PAGE_SIZE) => {
                Err(ConfigError::BadBalloon { size: balloon.size })
            }
            _ => Ok(()),
        }
    }

    fn validate_vsock(&self) -> Result<(), ConfigError> {
        match &self.vsock {
            Some(vsock) if !GUEST_CIDS.contains(&vsock.cid) => {
                Err(ConfigError::BadCid { vsock: vsock.id.clone(), cid: vsock.cid })
            }
            _ => Ok(()),
        }
    }

    fn validate_io_threads(&self) -> Result<(), ConfigError> {
        match (self.io_threads.policy, self.io_threads.count) {
            (IoThreadsPolicy::Pool, Some(1..=MAX_IO_THREADS))
            | (IoThreadsPolicy::Shared | IoThreadsPolicy::Auto, None) => Ok(()),
            (IoThreadsPolicy::Pool, _) => Err(ConfigError::IoThreadsPool),
            (IoThreadsPolicy::Shared | IoThreadsPolicy::Auto, Some(_)) => Err(ConfigError::IoThreadsCount),
        }
    }

    fn validate_nets(&self) -> Result<(), ConfigError> {
        for (index, net) in self.nets.iter().enumerate() {
            if let Some(mtu) = net.mtu.filter(|mtu| *mtu < MIN_MTU) {
                return Err(ConfigError::BadMtu { net: net.id.clone(), mtu });
            }
            if !(1..=MAX_QUEUES).contains(&net.queues) {
                return Err(ConfigError::BadQueues { net: net.id.clone(), queues: net.queues });
            }
            if let Some(twin) = self.nets.iter().take(index).find(|other| other.mac == net.mac) {
                let (first, second) = (twin.id.clone(), net.id.clone());
                return Err(ConfigError::DuplicateMac { first, second, mac: net.mac });
            }
        }
        Ok(())
    }
}

/// Names of devices and ports have no other characters.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn validate_firmware_files(files: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let legal = |name: &str| {
        let rest = name.strip_prefix(FIRMWARE_FILE_PREFIX).unwrap_or_default();
        !rest.is_empty() && name.len() <= MAX_FIRMWARE_FILE_NAME && rest.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if let Some(name) = files.keys().find(|name| !legal(name)) {
        return Err(ConfigError::FirmwareFile(name.clone()));
    }
    let bytes = files.values().map(String::len).sum();
    if bytes > MAX_FIRMWARE_FILES { Err(ConfigError::FirmwareFilesTooLarge(bytes)) } else { Ok(()) }
}
