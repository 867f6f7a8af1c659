//! The controller as a PCI function, and the place of its handlers.

use super::ata::AtaDisk;
use super::attached::Device;
use super::handler::PortHandler;
use super::hba::Hba;
use super::port::Connected;
use super::registers::{LENGTH, PORTS};
use super::state::{AhciState, PortState};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::{InterruptError, InterruptManager, IrqLine};
use crate::pci::{
    BarKind, Command, DecodedBar, FunctionError, Identity, LayoutError, Msi, PciConfiguration, PciFunction, Pin,
};
use crate::scsi::{LogicalUnit, UnitConfig, UnitState};
use crate::state::{Section, StateError};
use crate::virtio::core::Done;
use crate::virtio::{DeviceMemory, QueueHandler, QueueWorkers};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// The SATA function of an ICH9 in AHCI mode.
const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x2922,
    revision: 2,
    class: [0x01, 0x06, 0x01],
    subsystem_vendor: 0x1af4,
    subsystem: 0x1100,
};
/// The BAR of the registers.
const ABAR: u8 = 5;
/// Which ports there are, where drivers for this chip look for it: the mode (AHCI), and a bit for each port.
const MAP: u16 = 0x90;
const MAP_AHCI: u32 = 0x40;
const PCS: u16 = 0x92;
const PCS_MASK: u32 = (1 << PORTS) - 1;

/// How a controller is connected.
pub struct AhciAttachment {
    /// The line of its pin INTA, which it shares.
    pub line: IrqLine,
    /// What is on each port: at most [`PORTS`].
    pub ports: Vec<UnitConfig>,
}

/// Why a controller cannot be made.
#[derive(Debug, Error)]
pub enum AhciError {
    /// There are more disks than ports.
    #[error("{0} disks are too many for the SATA controller: it has {PORTS} ports")]
    TooMany(usize),
    /// The configuration space, or the saved state, is impossible.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// Its interrupt cannot be had.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
}

impl From<StateError> for AhciError {
    fn from(error: StateError) -> Self {
        Self::Function(error.into())
    }
}

impl From<LayoutError> for AhciError {
    fn from(error: LayoutError) -> Self {
        Self::Function(error.into())
    }
}

/// A SATA controller. Park it before dropping it, or the workers keep its handlers.
pub struct Ahci<M: DeviceMemory> {
    hba: Arc<Hba<M>>,
    msi: Arc<Msi>,
    /// By port.
    devices: Vec<Arc<Device>>,
    workers: Arc<dyn QueueWorkers>,
    /// The handlers, while the machine is paused.
    home: Arc<Mutex<Vec<Box<dyn QueueHandler>>>>,
    configuration: Mutex<PciConfiguration>,
}

impl<M: DeviceMemory> Ahci<M> {
    /// A controller with the devices of `attachment`; with `state`, as it was when that was saved. It starts parked.
    ///
    /// # Errors
    /// There are more devices than ports; the state is that of another controller; the host has no more descriptors.
    pub fn new(
        id: DeviceId,
        attachment: AhciAttachment,
        memory: M,
        workers: Arc<dyn QueueWorkers>,
        interrupts: &dyn InterruptManager,
        state: Option<AhciState>,
    ) -> Result<Self, AhciError> {
        let AhciAttachment { line, ports } = attachment;
        if ports.len() > PORTS {
            return Err(AhciError::TooMany(ports.len()));
        }
        let mut configuration = PciConfiguration::new(IDENTITY);
        configuration.set_interrupt_pin(Pin::A);
        configuration.add_bar(ABAR, BarKind::Memory32, LENGTH)?;
        configuration.set(MAP, Width::Word, MAP_AHCI);
        configuration.set(PCS, Width::Word, PCS_MASK);
        configuration.make_writable(PCS, Width::Word, PCS_MASK);
        let msi = Arc::new(Msi::new(id.clone(), interrupts.msi_group(1)?, &mut configuration)?);

        let mut saved = match &state {
            Some(state) => state.devices.iter().cloned().map(Some).collect(),
            None => Vec::new(),
        };
        saved.resize(PORTS, None);
        let made = ports.into_iter().zip(saved).map(|(unit, state)| device(unit, state).map(Arc::new));
        let devices = made.collect::<Result<Vec<_>, _>>()?;
        let mut connected = [Connected::Nothing; PORTS];
        for (place, device) in connected.iter_mut().zip(&devices) {
            *place = device.connected();
        }
        let host = |source: std::io::Error| StateError::Host { device: id.clone(), source: Box::new(source) };
        let events = (0..PORTS).map(|_| EventFd::new(EFD_NONBLOCK).map(Arc::new));
        let events = events.collect::<Result<Vec<_>, _>>().map_err(host)?;
        let pin = interrupts.level_line(line)?;
        let hba = Arc::new(Hba::new(id.clone(), memory, connected, events.clone(), pin, Arc::clone(&msi)));
        if let Some(state) = state {
            configuration.restore(&id, &state.configuration)?;
            hba.restore((state.interrupts, state.is, state.ports))
                .map_err(|reason| StateError::Invalid { device: id, reason })?;
        }
        hba.disable_pin(configuration.command().contains(Command::INTX_DISABLE));
        // After that: what is pending is sent when the machine runs.
        msi.follow(&configuration);
        let handlers = events.into_iter().zip(&devices).enumerate().map(|(port, (event, device))| {
            Box::new(PortHandler::new(Arc::clone(&hba), port, event, Arc::clone(device))) as Box<dyn QueueHandler>
        });
        let home = Arc::new(Mutex::new(handlers.collect()));
        Ok(Self { hba, msi, devices, workers, home, configuration: Mutex::new(configuration) })
    }

    /// Brings all handlers home and calls `done`, perhaps in this thread. Nothing runs then, and the state can be read.
    pub fn park(&self, done: Done) {
        let home = Arc::clone(&self.home);
        let returned = move |handlers: Vec<Box<dyn QueueHandler>>| {
            home.lock().unwrap_or_else(PoisonError::into_inner).extend(handlers);
            done();
        };
        self.workers.stop(&self.hba.id, Box::new(returned));
    }

    /// Hands the handlers out, each to be processed once, and signals again what was pending. Not before `park` is done.
    pub fn unpark(&self) {
        self.hba.resume();
        let handlers = std::mem::take(&mut *self.home.lock().unwrap_or_else(PoisonError::into_inner));
        self.workers.start(&self.hba.id, handlers);
    }

    /// The state of the controller and of its devices.
    ///
    /// # Errors
    /// The controller is not parked.
    pub fn save(&self) -> Result<Section, StateError> {
        if self.home.lock().unwrap_or_else(PoisonError::into_inner).len() < self.devices.len() {
            return Err(StateError::Running(self.hba.id.clone()));
        }
        let (interrupts, is, ports) = self.hba.save();
        let mut devices: Vec<PortState> = self.devices.iter().map(|device| port_state(device)).collect();
        devices.resize(PORTS, PortState::Nothing);
        let configuration = self.lock().save();
        Section::encode(&self.hba.id, &AhciState { interrupts, is, ports, devices, configuration })
    }

    fn lock(&self) -> MutexGuard<'_, PciConfiguration> {
        // A panic in another thread leaves plain registers behind.
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The device of a port; with `state`, as it was.
fn device(unit: UnitConfig, state: Option<PortState>) -> Result<Device, StateError> {
    let id = unit.id.clone();
    let invalid = |reason: &str| StateError::Invalid { device: id.clone(), reason: reason.into() };
    let serial = unit.serial.clone().unwrap_or_else(|| unit.id.as_str().to_owned());
    if unit.media.is_some() {
        let state: Option<UnitState> = match state {
            None => None,
            Some(PortState::Drive(state)) => Some(state),
            Some(_) => return Err(invalid("it was no drive")),
        };
        return Ok(Device::Drive(Box::new(LogicalUnit::new(unit, state)?), serial));
    }
    let UnitConfig { port, cached, discard, .. } = unit;
    let disk = AtaDisk { id: id.clone(), serial, port, cached, discard, write_cache: AtomicBool::new(cached) };
    match state {
        None => {}
        Some(PortState::Disk { sectors, readonly, write_cache })
            if (sectors, readonly) == (disk.sectors(), disk.readonly()) && (cached || !write_cache) =>
        {
            disk.write_cache.store(write_cache, Ordering::Release);
        }
        Some(_) => return Err(invalid("it was another disk")),
    }
    Ok(Device::Disk(disk))
}

fn port_state(device: &Device) -> PortState {
    match device {
        Device::Disk(disk) => PortState::Disk {
            sectors: disk.sectors(),
            readonly: disk.readonly(),
            write_cache: disk.write_cache.load(Ordering::Acquire),
        },
        Device::Drive(unit, _) => PortState::Drive(unit.state()),
    }
}

impl<M: DeviceMemory> PciFunction for Ahci<M> {
    fn id(&self) -> &DeviceId {
        &self.hba.id
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        let mut configuration = self.lock();
        configuration.set_interrupt_status(self.hba.is_pending());
        configuration.read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        let mut configuration = self.lock();
        configuration.write(offset, width, value);
        self.msi.follow(&configuration);
        // Under the lock, so that what was written last counts.
        self.hba.disable_pin(configuration.command().contains(Command::INTX_DISABLE));
    }

    fn decoded(&self) -> Vec<DecodedBar> {
        self.lock().decoded()
    }

    fn bar_device(&self, bar: u8) -> Option<Arc<dyn BusDevice>> {
        (bar == ABAR).then(|| Arc::clone(&self.hba) as _)
    }
}
