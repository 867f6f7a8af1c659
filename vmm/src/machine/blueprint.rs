//! What a machine is made from, boot after boot: its configuration, its open descriptors, and what survives a reset.

use super::balloon::Balloon;
use super::console::VirtioConsoleParts;
use super::firmware::FirmwareFiles;
use super::vsock::Vsock;
use super::{MachineError, unlock};
use crate::config::{
    DiskBus, DiskConfig, DiskKind, FirmwareInterface, KernelEntry, NetConfig, PayloadConfig, VmConfig,
};
use crate::event_loop::{Console, EventLoop};
use crate::handle::VmError;
use crate::kvm::Kvm;
use crate::placement::Placement;
use crate::resources::{INITRD, KERNEL, Resource, ResourceError, Resources, SERIAL, rom_of, vhost_of};
use crate::statistics::Statistics;
use crate::thread::Threads;
use crate::timeline::{Milestone, Timeline};
use devices::backend::block::{BlockBackend, CacheMode, DiskPort, RawDisk, RemovableDisk};
use devices::backend::net::{NetBackend, Tap};
use devices::id::DeviceId;
use devices::pci::{ExpansionRom, MAX_ROM_SIZE, RomError};
use devices::scsi::UnitConfig;
use devices::virtio::net::NetPort;
use devices::virtio::transport::pci::VENDOR;
use devices::worker::RingUse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// How long the end waits for the reader of the console.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// Everything [`super::Machine::build`] needs. Nothing is opened again after this is made.
pub(crate) struct Blueprint {
    pub(crate) config: VmConfig,
    pub(crate) kvm: Kvm,
    pub(crate) payload: Payload,
    pub(crate) disks: Vec<(DiskConfig, Arc<DiskPort>)>,
    /// The slots of the drives among the disks.
    pub(crate) media: BTreeMap<DeviceId, Arc<RemovableDisk>>,
    pub(crate) nets: Vec<Network>,
    pub(crate) vsock: Option<Vsock>,
    pub(crate) virtio_console: Option<VirtioConsoleParts>,
    pub(crate) balloon: Option<Balloon>,
    pub(crate) threads: Threads,
    /// How the disks' workers do their I/O.
    pub(crate) rings: Arc<RingUse>,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) statistics: Arc<Statistics>,
    /// Before the event loop: fields are dropped in this order.
    pub(crate) console: Arc<Console>,
    _event_loop: EventLoop,
}

/// What the machine runs first.
pub(crate) enum Payload {
    /// A kernel, and its initial RAM disk.
    Kernel { kernel: File, initrd: Option<File>, entry: KernelEntry },
    /// Firmware.
    Firmware { files: FirmwareFiles, interface: FirmwareInterface, log: bool },
}

/// A network device to be, and what it is connected to.
pub(crate) struct Network {
    pub(crate) config: NetConfig,
    pub(crate) backend: Arc<dyn NetBackend>,
    pub(crate) port: Arc<NetPort>,
    pub(crate) rom: Option<Arc<ExpansionRom>>,
}

impl Blueprint {
    /// Checks that configuration and resources fit each other, and opens `/dev/kvm` unless it was given.
    pub(crate) fn new(config: VmConfig, mut resources: Resources, timeline: Arc<Timeline>) -> Result<Self, VmError> {
        config.validate()?;
        let placement = Placement::new(config.cpus.placement.as_ref()).map_err(MachineError::from)?;
        let threads = Threads::new(placement, Arc::new(|_| Ok(())));
        let payload = match config.payload {
            PayloadConfig::Kernel { initrd, entry, .. } => Payload::Kernel {
                entry,
                kernel: take_file(&mut resources, KERNEL, "the file of a kernel")?,
                initrd: initrd.then(|| take_file(&mut resources, INITRD, "the file of an initrd")).transpose()?,
            },
            PayloadConfig::Firmware { interface, log, .. } => {
                Payload::Firmware { files: FirmwareFiles::new(interface, &mut resources, &threads)?, interface, log }
            }
        };
        let (mut disks, mut media) = (Vec::new(), BTreeMap::new());
        for disk in &config.disks {
            let backend: Arc<dyn BlockBackend> = match disk.kind {
                DiskKind::Cdrom => {
                    let slot = Arc::new(RemovableDisk::new(disk.id.clone(), take_medium(&mut resources, disk)?));
                    media.insert(disk.id.clone(), Arc::clone(&slot));
                    slot
                }
                DiskKind::Disk | DiskKind::Lun => take_disk(&mut resources, disk)?,
            };
            let queues = disk.queue_count(config.cpus.boot);
            let port = DiskPort::new(disk.id.clone(), backend, disk.on_error, &disk.rate_limit, queues);
            disks.push((disk.clone(), Arc::new(port)));
        }
        let nets = config
            .nets
            .iter()
            .map(|net| {
                let fds = take_tap(&mut resources, &net.id)?;
                let mut tap = Tap::from_fds(&net.id, fds, net.queues).map_err(MachineError::from)?;
                let mut port = NetPort::new(net.id.clone(), net.queues, net.link_up);
                if let Some(fds) = take_vhost(&mut resources, &net.id)? {
                    tap = tap.with_vhost(&net.id, fds).map_err(MachineError::from)?;
                    port = port.behind_vhost();
                }
                let rom = net.rom.then(|| take_rom(&mut resources, &net.id)).transpose()?;
                Ok(Network { config: net.clone(), backend: Arc::new(tap), port: Arc::new(port), rom })
            })
            .collect::<Result<_, VmError>>()?;
        let vsock = config.vsock.as_ref().map(|vsock| Vsock::take(vsock, &mut resources)).transpose()?;
        let virtio_console = config.console.as_ref();
        let virtio_console =
            virtio_console.map(|console| VirtioConsoleParts::take(console, &mut resources)).transpose()?;
        let balloon = config.balloon.as_ref().map(Balloon::new).transpose()?;
        let (input, output) = take_stream(&mut resources)?;
        if let Some(id) = resources.ids().next() {
            return Err(ResourceError::Unused(id.clone()).into());
        }
        let kvm = Kvm::open(resources.kvm)?;
        let first_output = Arc::clone(&timeline);
        let first_output = Box::new(move || first_output.reach(Milestone::FirstConsoleOutput));
        let (console, events) = Console::new(input, output, first_output).map_err(MachineError::from)?;
        let event_loop = EventLoop::start(&threads, events).map_err(MachineError::from)?;
        let statistics = Arc::new(Statistics::new(config.cpus.boot));
        Ok(Self {
            config,
            kvm,
            payload,
            disks,
            media,
            nets,
            vsock,
            virtio_console,
            balloon,
            threads,
            rings: Arc::default(),
            timeline,
            statistics,
            console,
            _event_loop: event_loop,
        })
    }

    /// The disks of one bus, in their order.
    pub(super) fn on_bus(&self, bus: DiskBus) -> impl Iterator<Item = &(DiskConfig, Arc<DiskPort>)> {
        self.disks.iter().filter(move |(disk, _)| disk.bus == bus)
    }

    /// A disk as a SCSI unit, or as a device of the SATA controller.
    pub(super) fn unit(&self, disk: &DiskConfig, port: &Arc<DiskPort>) -> UnitConfig {
        UnitConfig {
            id: disk.id.clone(),
            serial: disk.serial.clone(),
            port: Arc::clone(port),
            media: self.media.get(&disk.id).map(Arc::clone),
            cached: disk.cache != CacheMode::WriteThrough,
            discard: disk.discard,
        }
    }

    /// The machine has stopped: writes out what its console still holds, and gives the disks back.
    pub(crate) fn close(&self) {
        if !self.console.flush(FLUSH_DEADLINE) {
            tracing::warn!("The end of the guest's console output is lost: nobody reads it");
        }
        self.disks.iter().for_each(|(_, port)| unlock(port.backend()));
    }
}

/// The console's ends; without a resource the guest's output is discarded.
fn take_stream(resources: &mut Resources) -> Result<(Option<OwnedFd>, Option<OwnedFd>), ResourceError> {
    match resources.take(&SERIAL.into()) {
        Some(Resource::Stream { input, output }) => Ok((input, output)),
        Some(_) => Err(ResourceError::WrongSort(SERIAL.into(), "a character stream")),
        None => Ok((None, None)),
    }
}

/// What is behind a disk.
fn take_disk(resources: &mut Resources, disk: &DiskConfig) -> Result<Arc<dyn BlockBackend>, VmError> {
    let file = take_file(resources, disk.id.as_str(), "a file or a block device")?;
    let raw = RawDisk::new(disk.id.clone(), file, disk.is_readonly())
        .and_then(|raw| raw.with_cache(disk.cache, disk.block_size.logical))
        .map_err(MachineError::from)?;
    Ok(Arc::new(raw))
}

/// The disc that is in a drive from the start; `None`: it is empty.
fn take_medium(resources: &mut Resources, drive: &DiskConfig) -> Result<Option<Arc<dyn BlockBackend>>, VmError> {
    let there = resources.ids().any(|id| *id == drive.id);
    there.then(|| take_disk(resources, drive)).transpose()
}

fn take_file(resources: &mut Resources, id: &str, needs: &'static str) -> Result<File, ResourceError> {
    let id = DeviceId::from(id);
    match resources.take(&id) {
        Some(Resource::File(file)) => Ok(file),
        Some(_) => Err(ResourceError::WrongSort(id, needs)),
        None => Err(ResourceError::Missing(id, needs)),
    }
}

/// The whole file: it is read by the guest again and again, and small.
fn take_rom(resources: &mut Resources, net: &DeviceId) -> Result<Arc<ExpansionRom>, VmError> {
    let file = take_file(resources, rom_of(net).as_str(), "the file of an expansion ROM")?;
    let refused = |source| MachineError::Rom { net: net.clone(), source };
    let unreadable = |source| MachineError::ReadRom { net: net.clone(), source };
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_ROM_SIZE {
        return Err(refused(RomError::Size(size)).into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_ROM_SIZE).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Arc::new(ExpansionRom::new(bytes, VENDOR).map_err(refused)?))
}

fn take_tap(resources: &mut Resources, id: &DeviceId) -> Result<Vec<OwnedFd>, ResourceError> {
    const NEEDS: &str = "a TAP interface";
    match resources.take(id) {
        Some(Resource::Tap(fds)) => Ok(fds),
        Some(_) => Err(ResourceError::WrongSort(id.clone(), NEEDS)),
        None => Err(ResourceError::Missing(id.clone(), NEEDS)),
    }
}

/// The vhost-net devices of a network, if there are any: without them its frames are carried here.
fn take_vhost(resources: &mut Resources, net: &DeviceId) -> Result<Option<Vec<OwnedFd>>, ResourceError> {
    match resources.take(&vhost_of(net)) {
        Some(Resource::VhostNet(fds)) => Ok(Some(fds)),
        Some(_) => Err(ResourceError::WrongSort(vhost_of(net), "vhost-net devices")),
        None => Ok(None),
    }
}
