//! The machine's virtio devices, whatever the board's transport: the entropy device first, then the disks, the SCSI
//! device that has the others, then the networks.

use super::blueprint::Network;
use super::{Blueprint, MachineError};
use crate::config::{DiskBus, NetConfig, OnError, VmConfig};
use crate::memory::Memory;
use crate::snapshot::SavedMachine;
use crate::worker::Placement;
use devices::id::DeviceId;
use devices::pci::ExpansionRom;
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

/// Which worker serves which device: each disk and each network has its own, everything slow shares one.
pub(super) fn placements(config: &VmConfig) -> Vec<(DeviceId, Placement)> {
    let disks = config.on_bus(DiskBus::Virtio).map(|disk| disk.id.clone());
    let scsi = config.on_bus(DiskBus::Scsi).take(1).map(|_| SCSI.into());
    let busy = disks.chain(scsi).chain(config.nets.iter().map(|net| net.id.clone()));
    let busy = busy.map(|id| (id, Placement::Dedicated));
    std::iter::once((RNG.into(), Placement::Shared)).chain(busy).collect()
}

/// Makes all devices, as `saved` has them or new, in the order in which they get their slots.
pub(super) fn devices(blueprint: &Blueprint, saved: &mut SavedMachine) -> Result<Vec<Planned>, MachineError> {
    let entropy = rng::VirtioRng::new(rng::RngConfig { id: RNG.into() }, saved.take(&RNG.into())?);
    let mut devices = vec![Planned { device: Box::new(entropy), root_port: false, rom: None }];
    for (disk, backend) in blueprint.on_bus(DiskBus::Virtio) {
        let config = block::BlockConfig {
            id: disk.id.clone(),
            serial: disk.serial.clone(),
            on_error: match disk.on_error {
                OnError::Report => block::OnError::Report,
            },
        };
        let device = block::VirtioBlock::new(config, Arc::clone(backend), saved.take(&disk.id)?)?;
        devices.push(Planned { device: Box::new(device), root_port: disk.root_port, rom: None });
    }
    let units: Vec<_> = blueprint.on_bus(DiskBus::Scsi).map(|(disk, backend)| blueprint.unit(disk, backend)).collect();
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
    Ok(devices)
}
