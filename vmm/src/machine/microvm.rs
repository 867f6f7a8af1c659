//! The board `microvm`: virtio-mmio, serial, RTC, i8042 reset, debug-exit and marker ports, and the generic event
//! device when it has ACPI. Nothing else: the fastest boot.

use super::signals::Signals;
use super::{Blueprint, MachineError};
use crate::config::{BoardConfig, OnError, VmConfig};
use crate::event_loop::Console;
use crate::kvm::{IoEvent, KvmVm};
use crate::memory::{Memory, layout};
use crate::resources::SERIAL;
use crate::snapshot::SavedMachine;
use crate::vcpu::Buses;
use crate::worker::{Placement, Workers};
use devices::acpi::Ged;
use devices::bus::BusDevice;
use devices::id::DeviceId;
use devices::interrupt::{InterruptManager, IrqLine};
use devices::legacy::{DebugExit, HostClock, I8042, MarkerPort, Rtc, Serial};
use devices::power::PowerControl;
use devices::state::Section;
use devices::virtio::transport::mmio::{MmioTransport, QUEUE_NOTIFY};
use devices::virtio::{QueueWorkers, VirtioDevice, block, rng};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// The entropy device, in the first slot; disks follow.
const RNG: &str = "rng0";
const RTC: &str = "rtc";
const I8042: &str = "i8042";
const GED: &str = "ged";

/// What the board's devices are made from.
pub(super) struct Parts<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) vm: &'a Arc<KvmVm>,
    pub(super) memory: &'a Memory,
    pub(super) buses: &'a Buses,
    pub(super) interrupts: &'a dyn InterruptManager,
    pub(super) workers: &'a Arc<Workers>,
    pub(super) signals: &'a Arc<Signals>,
}

/// The devices of a board. Dropping it ends the virtio devices' queues.
pub(super) struct Microvm {
    vm: Arc<KvmVm>,
    serial: Arc<Serial>,
    rtc: Arc<Mutex<Rtc>>,
    i8042: Arc<Mutex<I8042>>,
    ged: Option<Arc<Mutex<Ged>>>,
    virtio: Vec<Arc<MmioTransport<Memory>>>,
    console: Arc<Console>,
}

/// Which worker serves which device: each disk has its own, everything slow shares one.
pub(super) fn placements(config: &VmConfig) -> Vec<(DeviceId, Placement)> {
    let disks = config.disks.iter().map(|disk| (disk.id.clone(), Placement::Dedicated));
    std::iter::once((RNG.into(), Placement::Shared)).chain(disks).collect()
}

impl Microvm {
    /// Makes all devices, as `saved` has them or new, and puts them on the buses.
    pub(super) fn new(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Self, MachineError> {
        let Parts { blueprint, buses, interrupts, signals, .. } = *parts;
        let power: Arc<dyn PowerControl> = Arc::clone(signals) as _;
        let console = Arc::clone(&blueprint.console);

        let serial = Serial::new(
            SERIAL.into(),
            interrupts.edge_line(IrqLine(layout::SERIAL_IRQ))?,
            Arc::clone(&console) as _,
            saved.take(&SERIAL.into())?,
        )?;
        let serial = Arc::new(serial);
        buses.pio.insert(layout::SERIAL_PORTS, Arc::clone(&serial) as _)?;

        let rtc = Rtc::new(RTC.into(), Arc::new(HostClock), saved.take(&RTC.into())?)?;
        let rtc = Arc::new(Mutex::new(rtc));
        buses.pio.insert(layout::RTC_PORTS, Arc::clone(&rtc) as _)?;

        let i8042 = I8042::new(I8042.into(), Arc::clone(&power), saved.take(&I8042.into())?)?;
        let i8042 = Arc::new(Mutex::new(i8042));
        buses.pio.insert(layout::I8042_PORTS, Arc::clone(&i8042) as _)?;

        let debug_exit = layout::DEBUG_EXIT_PORT..layout::DEBUG_EXIT_PORT + 1;
        buses.pio.insert(debug_exit, Arc::new(DebugExit::new(Arc::clone(&power))))?;
        let marker = u64::from(blueprint.config.marker_port);
        let timeline = Arc::clone(&blueprint.timeline);
        buses.pio.insert(marker..marker + 1, Arc::new(MarkerPort::new(Arc::new(move |value| timeline.mark(value)))))?;

        let ged = match blueprint.config.board {
            BoardConfig::Microvm { acpi: false } => None,
            BoardConfig::Microvm { acpi: true } => {
                let line = interrupts.edge_line(IrqLine(layout::GED_IRQ))?;
                let ged = Arc::new(Mutex::new(Ged::new(GED.into(), line, power, saved.take(&GED.into())?)?));
                buses.mmio.insert(layout::GED, Arc::clone(&ged) as _)?;
                Some(ged)
            }
        };

        let mut board = Self { vm: Arc::clone(parts.vm), serial, rtc, i8042, ged, virtio: Vec::new(), console };
        let entropy = rng::VirtioRng::new(rng::RngConfig { id: RNG.into() }, saved.take(&RNG.into())?);
        board.add_virtio(parts, Box::new(entropy), saved)?;
        for (disk, backend) in &blueprint.disks {
            let config = block::BlockConfig {
                id: disk.id.clone(),
                serial: disk.serial.clone(),
                on_error: match disk.on_error {
                    OnError::Report => block::OnError::Report,
                },
            };
            let disk = block::VirtioBlock::new(config, Arc::clone(backend), saved.take(&disk.id)?)?;
            board.add_virtio(parts, Box::new(disk), saved)?;
        }
        Ok(board)
    }

    /// Puts `device` into the next slot and lets KVM turn its queues' notifications into events.
    fn add_virtio(
        &mut self,
        parts: &Parts<'_>,
        device: Box<dyn VirtioDevice<Memory>>,
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
        self.console.disconnect();
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
        self.serial.resume();
        if let Some(ged) = &self.ged {
            ged.lock().unwrap_or_else(PoisonError::into_inner).resume();
        }
        self.console.connect(&self.serial);
    }

    /// The state of every device, in a fixed order; all queues are parked.
    pub(super) fn save(&self) -> Result<Vec<Section>, MachineError> {
        let mut sections = vec![
            self.serial.save()?,
            self.rtc.lock().unwrap_or_else(PoisonError::into_inner).save()?,
            self.i8042.lock().unwrap_or_else(PoisonError::into_inner).save()?,
        ];
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
        self.console.disconnect();
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
    IoEvent::MmioDword { address: layout::virtio_mmio_range(slot).start + QUEUE_NOTIFY, value: queue }
}
