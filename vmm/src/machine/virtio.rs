//! The machine's virtio devices, whatever the board's transport: the entropy device first, then the disks.

use super::{Blueprint, MachineError};
use crate::config::{OnError, VmConfig};
use crate::memory::Memory;
use crate::snapshot::SavedMachine;
use crate::worker::Placement;
use devices::id::DeviceId;
use devices::virtio::{VirtioDevice, block, rng};
use std::sync::Arc;

/// The entropy device.
const RNG: &str = "rng0";

/// A device that has no transport yet.
pub(super) struct Planned {
    pub(super) device: Box<dyn VirtioDevice<Memory>>,
    /// It sits behind a root port of its own (q35).
    #[expect(dead_code, reason = "the q35 board reads it")]
    pub(super) root_port: bool,
}

/// Which worker serves which device: each disk has its own, everything slow shares one.
pub(super) fn placements(config: &VmConfig) -> Vec<(DeviceId, Placement)> {
    let disks = config.disks.iter().map(|disk| (disk.id.clone(), Placement::Dedicated));
    std::iter::once((RNG.into(), Placement::Shared)).chain(disks).collect()
}

/// Makes all devices, as `saved` has them or new, in the order in which they get their slots.
pub(super) fn devices(blueprint: &Blueprint, saved: &mut SavedMachine) -> Result<Vec<Planned>, MachineError> {
    let entropy = rng::VirtioRng::new(rng::RngConfig { id: RNG.into() }, saved.take(&RNG.into())?);
    let mut devices = vec![Planned { device: Box::new(entropy), root_port: false }];
    for (disk, backend) in &blueprint.disks {
        let config = block::BlockConfig {
            id: disk.id.clone(),
            serial: disk.serial.clone(),
            on_error: match disk.on_error {
                OnError::Report => block::OnError::Report,
            },
        };
        let device = block::VirtioBlock::new(config, Arc::clone(backend), saved.take(&disk.id)?)?;
        devices.push(Planned { device: Box::new(device), root_port: disk.root_port });
    }
    Ok(devices)
}
