//! The board `microvm`: virtio-mmio, the legacy devices, and the generic event device when it has ACPI. Nothing else:
//! the fastest boot.

use super::MachineError;
use super::board::Parts;
use super::legacy::LegacyDevices;
use super::virtio::{self, Planned};
use crate::kvm::{IoEvent, KvmVm};
use crate::memory::{Memory, layout};
use crate::snapshot::SavedMachine;
use devices::acpi::{Ged, GedEvents};
use devices::bus::BusDevice;
use devices::id::DeviceId;
use devices::interrupt::IrqLine;
use devices::pci::Space;
use devices::state::Section;
use devices::virtio::QueueWorkers;
use devices::virtio::transport::mmio::{MmioTransport, QUEUE_NOTIFY};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

const GED: &str = "ged";

/// The devices of the board. Dropping it ends the virtio devices' queues.
pub(super) struct Microvm {
    vm: Arc<KvmVm>,
    legacy: LegacyDevices,
    ged: Option<Arc<Mutex<Ged>>>,
    virtio: Vec<Arc<MmioTransport<Memory>>>,
}

impl Microvm {
    /// Makes all devices, as `saved` has them or new, and puts them on the buses.
    pub(super) fn new(parts: &Parts<'_>, acpi: bool, saved: &mut SavedMachine) -> Result<Self, MachineError> {
        let legacy = LegacyDevices::new(parts, saved)?;
        let ged = acpi.then(|| Self::events(parts, saved)).transpose()?;
        let mut board = Self { vm: Arc::clone(parts.vm), legacy, ged, virtio: Vec::new() };
        for planned in virtio::devices(parts, saved)? {
            board.add_virtio(parts, planned, saved)?;
        }
        Ok(board)
    }

    /// The generic event device.
    fn events(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Arc<Mutex<Ged>>, MachineError> {
        let line = parts.interrupts.edge_line(IrqLine(layout::GED_IRQ))?;
        let power = Arc::clone(parts.signals) as _;
        let ged = Arc::new(Mutex::new(Ged::new(GED.into(), line, power, saved.take(&GED.into())?)?));
        parts.buses.mmio.insert(layout::GED, Arc::clone(&ged) as _)?;
        Ok(ged)
    }

    /// Puts a device into the next slot and lets KVM turn its queues' notifications into events.
    fn add_virtio(
        &mut self,
        parts: &Parts<'_>,
        Planned { device, .. }: Planned,
        saved: &mut SavedMachine,
    ) -> Result<(), MachineError> {
        let slot = self.virtio.len();
        let state = saved.take(device.id())?;
        let line = parts.interrupts.edge_line(IrqLine(layout::virtio_mmio_irq(slot)))?;
        let workers: Arc<dyn QueueWorkers> = Arc::clone(parts.workers) as _;
        let transport = Arc::new(MmioTransport::new(device, parts.memory.clone(), workers, line, state)?);
        let range = layout::virtio_mmio_range(slot);
        for (queue, event) in (0..).zip(transport.queue_notify_events()) {
            parts.vm.register_ioevent(event, doorbell(slot, queue))?;
        }
        parts.buses.mmio.insert(range, Arc::clone(&transport) as Arc<dyn BusDevice>)?;
        self.virtio.push(transport);
        Ok(())
    }

    /// Brings all queues home; each device whose queues are home sends its id. Returns whom to wait for.
    pub(super) fn park(&self, done: &Sender<DeviceId>) -> BTreeSet<DeviceId> {
        self.legacy.park();
        for transport in &self.virtio {
            let (id, done) = (transport.id().clone(), done.clone());
            // Who waits may have given up by then.
            transport.park(Box::new(move || drop(done.send(id))));
        }
        self.virtio.iter().map(|transport| transport.id().clone()).collect()
    }

    /// Lets queues and consoles go on, and raises again what was pending.
    pub(super) fn unpark(&self) {
        self.virtio.iter().for_each(|transport| transport.unpark());
        if let Some(ged) = &self.ged {
            ged.lock().unwrap_or_else(PoisonError::into_inner).resume();
        }
        self.legacy.unpark();
    }

    /// Presses the power button; `false`: there is none.
    pub(super) fn press_power_button(&self) -> bool {
        let Some(ged) = &self.ged else { return false };
        ged.lock().unwrap_or_else(PoisonError::into_inner).raise(GedEvents::POWER_BUTTON);
        true
    }

    /// The state of every device, in a fixed order; all queues are parked.
    pub(super) fn save(&self) -> Result<Vec<Section>, MachineError> {
        let mut sections = self.legacy.save()?;
        if let Some(ged) = &self.ged {
            sections.push(ged.lock().unwrap_or_else(PoisonError::into_inner).save()?);
        }
        for transport in &self.virtio {
            sections.extend(transport.save()?);
        }
        Ok(sections)
    }
}

impl Drop for Microvm {
    fn drop(&mut self) {
        for (slot, transport) in self.virtio.iter().enumerate() {
            for (queue, event) in (0..).zip(transport.queue_notify_events()) {
                if let Err(error) = self.vm.unregister_ioevent(event, doorbell(slot, queue)) {
                    tracing::warn!(device = %transport.id(), "A queue's notification stays registered: {error}");
                }
            }
            transport.park(Box::new(|| {}));
        }
    }
}

fn doorbell(slot: usize, queue: u32) -> IoEvent {
    let address = layout::virtio_mmio_range(slot).start + QUEUE_NOTIFY;
    IoEvent { space: Space::Memory, address, value: Some(queue) }
}
