//! The SATA controller of the q35 board, which is there when something is connected to it.

use super::board::Parts;
use super::{MachineError, pci_places::Place};
use crate::config::DiskBus;
use crate::memory::Memory;
use crate::snapshot::SavedMachine;
use devices::ahci::{Ahci, AhciAttachment};
use devices::pci::Slot;
use std::sync::Arc;

/// The controller.
pub(super) const SATA: &str = "sata0";
/// Where guests look for it, beside the LPC bridge of an ICH9.
pub(super) const SATA_SLOT: Slot = Slot::new(0x1f, 2);

/// The controller with its disks, as `saved` has it or new; `None`: nothing is connected.
pub(super) fn controller(
    parts: &Parts<'_>,
    saved: &mut SavedMachine,
) -> Result<Option<Arc<Ahci<Memory>>>, MachineError> {
    let blueprint = parts.blueprint;
    let ports: Vec<_> = blueprint.on_bus(DiskBus::Sata).map(|(disk, backend)| blueprint.unit(disk, backend)).collect();
    if ports.is_empty() {
        return Ok(None);
    }
    let attachment = AhciAttachment { line: Place { port: None, slot: SATA_SLOT }.line(), ports };
    let workers = Arc::clone(parts.workers) as _;
    let (id, state) = (SATA.into(), saved.take(&SATA.into())?);
    let controller = Ahci::new(id, attachment, parts.memory.clone(), workers, parts.interrupts, state)?;
    Ok(Some(Arc::new(controller)))
}
