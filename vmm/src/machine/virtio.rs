//! The machine's virtio devices, whatever the board's transport: the entropy device first, then the disks, the SCSI
//! device that has the others, then the networks, the socket device, the console and the balloon.

use super::MachineError;
use super::blueprint::Network;
use super::board::Parts;
use super::sata::SATA;
use crate::config::{BlockSize, DiskBus, NetConfig, VmConfig};
use crate::memory::Memory;
use crate::snapshot::SavedMachine;
use crate::worker::Placement;
use devices::id::DeviceId;
use devices::pci::ExpansionRom;
use devices::rate_limit::RateLimit;
use devices::virtio::{VirtioDevice, block, net, rng, scsi};
use std::sync::Arc;

/// The entropy device.
const RNG: &str = "rng0";
/// The device that has the disks of the SCSI bus.
pub(super) const SCSI: &str = "scsi0";
/// Request queues of a SCSI device, which has one worker.
const SCSI_QUEUES: u16 = 1;

/// A device that has no transport yet.
pub(super) struct Planned {
    pub(super) device: Box<dyn VirtioDevice<Memory>>,
    /// It sits behind a root port of its own (q35).
    pub(super) root_port: bool,
    /// What firmware runs to use it (q35).
    pub(super) rom: Option<Arc<ExpansionRom>>,
}

/// Which worker serves which device: each disk and each network has its own, everything slow shares one. The queues of
/// virtio disks and networks may have several.
pub(super) fn placements(config: &VmConfig) -> Vec<(DeviceId, Placement)> {
    let disks = config.on_bus(DiskBus::Virtio).map(|disk| disk.id.clone());
    let scsi = config.on_bus(DiskBus::Scsi).take(1).map(|_| SCSI.into());
    let sata = config.on_bus(DiskBus::Sata).take(1).map(|_| SATA.into());
    let spread = disks.chain(config.nets.iter().map(|net| net.id.clone())).map(|id| (id, Placement::Spread));
    let dedicated = scsi.chain(sata).chain(config.vsock.iter().map(|vsock| vsock.id.clone()));
    let busy = spread.chain(dedicated.map(|id| (id, Placement::Dedicated)));
    let slow = config.console.iter().map(|console| &console.id).chain(config.balloon.iter().map(|balloon| &balloon.id));
    let slow = slow.map(|id| (id.clone(), Placement::Shared));
    std::iter::once((RNG.into(), Placement::Shared)).chain(slow).chain(busy).collect()
}

/// Makes all devices, as `saved` has them or new, in the order in which they get their slots.
pub(super) fn devices(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Vec<Planned>, MachineError> {
    let blueprint = parts.blueprint;
    let limit = RateLimit { bytes: blueprint.config.rng.bytes, operations: None };
    let entropy = rng::VirtioRng::new(rng::RngConfig { id: RNG.into(), limit }, saved.take(&RNG.into())?);
    let mut devices = vec![Planned { device: Box::new(entropy), root_port: false, rom: None }];
    for (disk, port) in blueprint.on_bus(DiskBus::Virtio) {
        let BlockSize { logical, physical } = disk.block_size;
        let config = block::BlockConfig {
            id: disk.id.clone(),
            serial: disk.serial.clone(),
            queues: disk.queue_count(blueprint.config.cpus.boot),
            cache: disk.cache,
            discard: disk.discard,
            blocks: block::BlockSizes { logical, physical, optimal: 0 },
        };
        let device = block::VirtioBlock::new(config, Arc::clone(port), saved.take(&disk.id)?)?;
        devices.push(Planned { device: Box::new(device), root_port: disk.root_port, rom: None });
    }
    let units: Vec<_> = blueprint.on_bus(DiskBus::Scsi).map(|(disk, port)| blueprint.unit(disk, port)).collect();
    if !units.is_empty() {
        let config = scsi::ScsiConfig { id: SCSI.into(), queues: SCSI_QUEUES, units };
        let device = scsi::VirtioScsi::new(config, saved.take(&SCSI.into())?)?;
        devices.push(Planned { device: Box::new(device), root_port: false, rom: None });
    }
    for Network { config: NetConfig { id, mac, mtu, root_port, .. }, backend, port, rom } in &blueprint.nets {
        let config = net::NetConfig { id: id.clone(), mac: *mac, mtu: *mtu };
        let device = net::VirtioNet::new(config, Arc::clone(backend), Arc::clone(port), saved.take(id)?)?;
        devices.push(Planned { device: Box::new(device), root_port: *root_port, rom: rom.clone() });
    }
    if let Some(vsock) = &blueprint.vsock {
        devices.push(vsock.device(saved)?);
    }
    if let Some(console) = &blueprint.virtio_console {
        devices.push(console.device(saved)?);
    }
    if let Some(balloon) = &blueprint.balloon {
        devices.push(balloon.device(parts.ram, saved)?);
    }
    Ok(devices)
}
