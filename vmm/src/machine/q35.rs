//! The board `q35`: PCI Express with virtio-pci devices, an ICH9, and the legacy devices.
//!
//! ```text
//! 00:00.0  host bridge; it places the configuration space in memory
//! 00:01.0  the entropy device, then disks and networks in their order
//! 00:nn.f  root ports, eight to a slot, each with one device behind it
//! 00:1f.0  LPC bridge; it places the power management block
//! 00:1f.2  SATA controller, when something is connected to it
//! ```

use super::MachineError;
use super::board::Parts;
use super::firmware::{BootOrder, FirmwareDevices};
use super::legacy::LegacyDevices;
use super::pci_places::places;
use super::pci_ranges::PciRanges;
use super::sata::{self, SATA, SATA_SLOT};
use super::virtio::{self, Planned};
use crate::memory::{Memory, layout};
use crate::snapshot::SavedMachine;
use devices::ahci::Ahci;
use devices::ich9::{Lpc, PowerManagement, ResetControl, SteadyClock};
use devices::id::DeviceId;
use devices::interrupt::IrqLine;
use devices::pci::{ConfigPorts, ExpressKind, HostBridge, PciBus, PciFunction, RootPort, Slot, Topology, Windows};
use devices::power::PowerControl;
use devices::state::Section;
use devices::virtio::transport::pci::{PciAttachment, PciTransport};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const HOST_BRIDGE: &str = "host-bridge";
const LPC: &str = "lpc";
const POWER_MANAGEMENT: &str = "power-management";
const RESET_CONTROL: &str = "reset-control";
const CONFIG_PORTS: &str = "config-ports";
/// Where guests look for the LPC bridge of an ICH9.
const LPC_SLOT: Slot = Slot::new(0x1f, 0);

/// The devices of the board. Dropping it ends the virtio devices' queues.
pub(super) struct Q35 {
    legacy: LegacyDevices,
    host_bridge: Arc<HostBridge>,
    lpc: Arc<Lpc>,
    power_management: Arc<Mutex<PowerManagement>>,
    reset_control: Arc<Mutex<ResetControl>>,
    config_ports: Arc<ConfigPorts>,
    root_ports: Vec<Arc<RootPort>>,
    firmware: Option<FirmwareDevices>,
    sata: Option<Arc<Ahci<Memory>>>,
    virtio: Vec<Arc<PciTransport<Memory>>>,
    /// Last: it gives the ranges back.
    _bus: Arc<PciBus>,
}

impl Q35 {
    /// Makes all devices, as `saved` has them or new, and puts them on the buses. New ones find their addresses
    /// assigned, as firmware would leave them, unless there is firmware that does it.
    pub(super) fn new(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Self, MachineError> {
        let power = Arc::clone(parts.signals) as Arc<dyn PowerControl>;
        let legacy = LegacyDevices::new(parts, saved)?;
        let power_management = PowerManagement::new(
            POWER_MANAGEMENT.into(),
            parts.interrupts.level_line(IrqLine(layout::SCI_IRQ))?,
            Arc::clone(&power),
            Arc::new(SteadyClock::default()),
            saved.take(&POWER_MANAGEMENT.into())?,
        )?;
        let power_management = Arc::new(Mutex::new(power_management));
        let reset_control = ResetControl::new(RESET_CONTROL.into(), power, saved.take(&RESET_CONTROL.into())?)?;
        let reset_control = Arc::new(Mutex::new(reset_control));

        let ecam = parts.firmware.is_none().then_some(layout::ECAM.start);
        let shadow = parts.firmware.map(|firmware| Arc::clone(&firmware.memory) as _);
        let host_bridge = HostBridge::new(HOST_BRIDGE.into(), ecam, shadow, saved.take(&HOST_BRIDGE.into())?)?;
        let host_bridge = Arc::new(host_bridge);
        let pm_block = Arc::clone(&power_management) as _;
        let pm_base = if parts.firmware.is_some() { 0 } else { layout::PM_PORTS.start };
        let pm_base = u16::try_from(pm_base).unwrap_or(0); // a port fits
        let lpc = Arc::new(Lpc::new(LPC.into(), pm_block, pm_base, saved.take(&LPC.into())?)?);
        let mut topology = Topology::new(Arc::clone(&host_bridge));
        topology.insert(&[LPC_SLOT], Arc::clone(&lpc) as _)?;

        let sata = sata::controller(parts, saved)?;
        let mut order = BootOrder::default();
        if let Some(controller) = &sata {
            topology.insert(&[SATA_SLOT], Arc::clone(controller) as _)?;
            order.add_sata(&parts.blueprint.config, SATA_SLOT);
        }
        let planned = virtio::devices(parts, saved)?;
        let behind_ports: Vec<bool> = planned.iter().map(|planned| planned.root_port).collect();
        let (mut root_ports, mut transports) = (Vec::new(), Vec::new());
        for (Planned { device, rom, .. }, place) in planned.into_iter().zip(places(&behind_ports)) {
            if let Some((number, slot)) = place.port {
                // No id of the configuration has a colon.
                let id = DeviceId::new(format!("root-port:{number}"));
                let state = saved.take(&id)?;
                let port = Arc::new(RootPort::new(id, number, state)?);
                topology.insert(&[slot], Arc::clone(&port) as _)?;
                root_ports.push(port);
            }
            order.add(&parts.blueprint.config, device.id(), &place);
            let state = saved.take(device.id())?;
            let express = if place.port.is_some() { ExpressKind::Endpoint } else { ExpressKind::IntegratedEndpoint };
            let attachment = PciAttachment { line: place.line(), express, rom };
            let transport = PciTransport::new(
                device,
                parts.memory.clone(),
                Arc::clone(parts.workers) as _,
                parts.interrupts,
                attachment,
                state,
            )?;
            let transport = Arc::new(transport);
            topology.insert(&place.path(), Arc::clone(&transport) as _)?;
            transports.push(transport);
        }

        let ranges = PciRanges::new(Arc::clone(parts.vm), parts.buses.clone());
        let bus = PciBus::new(topology, Arc::new(ranges));
        if !saved.is_restore() && parts.firmware.is_none() {
            bus.assign(&windows(parts.blueprint.config.memory.boot))?;
        }
        let config_ports = Arc::clone(&reset_control) as _;
        let config_ports =
            ConfigPorts::new(CONFIG_PORTS.into(), &bus, config_ports, saved.take(&CONFIG_PORTS.into())?)?;
        let config_ports = Arc::new(config_ports);
        parts.buses.pio.insert(layout::PCI_CONFIG_PORTS, Arc::clone(&config_ports) as _)?;
        let firmware = parts.firmware.map(|firmware| FirmwareDevices::new(parts, firmware, &host_bridge, order, saved));
        Ok(Self {
            legacy,
            host_bridge,
            lpc,
            power_management,
            reset_control,
            config_ports,
            root_ports,
            firmware: firmware.transpose()?,
            sata,
            virtio: transports,
            _bus: bus,
        })
    }

    /// Brings all queues home; each device whose queues are home sends its id. Returns whom to wait for.
    pub(super) fn park(&self, done: &Sender<DeviceId>) -> BTreeSet<DeviceId> {
        self.legacy.park();
        for transport in &self.virtio {
            let (id, done) = (transport.id().clone(), done.clone());
            // Who waits may have given up by then.
            transport.park(Box::new(move || drop(done.send(id))));
        }
        let mut waiting: BTreeSet<DeviceId> = self.virtio.iter().map(|transport| transport.id().clone()).collect();
        if let Some(controller) = &self.sata {
            let done = done.clone();
            controller.park(Box::new(move || drop(done.send(SATA.into()))));
            waiting.insert(SATA.into());
        }
        waiting
    }

    /// Lets queues and consoles go on, and raises again what was pending.
    pub(super) fn unpark(&self) {
        self.virtio.iter().for_each(|transport| transport.unpark());
        if let Some(controller) = &self.sata {
            controller.unpark();
        }
        self.power_management().resume();
        self.legacy.unpark();
    }

    /// Presses the power button.
    pub(super) fn press_power_button(&self) {
        self.power_management().press_power_button();
    }

    /// The state of every device, in a fixed order; all queues are parked.
    pub(super) fn save(&self) -> Result<Vec<Section>, MachineError> {
        let mut sections = self.legacy.save()?;
        sections.push(self.power_management().save()?);
        sections.push(self.reset_control.lock().unwrap_or_else(PoisonError::into_inner).save()?);
        sections.extend([self.host_bridge.save()?, self.lpc.save()?, self.config_ports.save()?]);
        for port in &self.root_ports {
            sections.push(port.save()?);
        }
        if let Some(firmware) = &self.firmware {
            sections.extend(firmware.save()?);
        }
        if let Some(controller) = &self.sata {
            sections.push(controller.save()?);
        }
        for transport in &self.virtio {
            sections.extend(transport.save()?);
        }
        Ok(sections)
    }

    fn power_management(&self) -> MutexGuard<'_, PowerManagement> {
        self.power_management.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the addresses of a machine with `ram_size` bytes of RAM are assigned.
fn windows(ram_size: u64) -> Windows {
    Windows { io: layout::PCI_WINDOW_IO, memory32: layout::PCI_WINDOW32, memory64: layout::pci_window64(ram_size) }
}

impl Drop for Q35 {
    fn drop(&mut self) {
        for transport in &self.virtio {
            transport.park(Box::new(|| {}));
        }
        if let Some(controller) = &self.sata {
            controller.park(Box::new(|| {}));
        }
    }
}
