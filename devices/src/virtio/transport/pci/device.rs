//! The transport as a PCI function.

use super::common::{Common, Selectors};
use super::configuration::{describe, identify};
use super::interrupt::PciInterrupt;
use super::vectors::Vectors;
use super::window::Window;
use super::{MSIX_BAR, NOTIFY, NOTIFY_MULTIPLIER, PciAttachment, PciTransportError, PciTransportState, STRUCTURES_BAR};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::InterruptManager;
use crate::pci::{Command, DecodedBar, Doorbell, ExpansionRom, Msix, PciConfiguration, PciFunction, ROM_BAR};
use crate::state::{Section, StateError};
use crate::virtio::core::{Done, VirtioCore};
use crate::virtio::{DeviceMemory, QueueWorkers, VirtioDevice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One device as a function of a PCI bus.
///
/// Park it before dropping it, or the workers keep its handlers.
pub struct PciTransport<M: DeviceMemory> {
    common: Arc<Common<M>>,
    messages: Arc<Msix>,
    window: Window,
    rom: Option<Arc<ExpansionRom>>,
    /// Not held while the structures are accessed.
    configuration: Mutex<PciConfiguration>,
}

impl<M: DeviceMemory> PciTransport<M> {
    /// Makes a function of `device`; with `state`, as it was when that was saved, its queues re-activated. It has one
    /// message-signalled vector for each queue and one for its configuration.
    /// The transport starts parked: call [`PciTransport::unpark`] before the first vCPU runs.
    ///
    /// # Errors
    /// The state breaks a rule of VIRTIO or does not fit the device, the device has more queues than MSI-X has vectors,
    /// or the host has no more interrupts or descriptors.
    pub fn new(
        device: Box<dyn VirtioDevice<M>>,
        memory: M,
        workers: Arc<dyn QueueWorkers>,
        interrupts: &dyn InterruptManager,
        PciAttachment { line, express, rom }: PciAttachment,
        state: Option<PciTransportState>,
    ) -> Result<Self, PciTransportError> {
        let id = device.id().clone();
        let queues = u16::try_from(device.queue_max_sizes().len()).unwrap_or(u16::MAX);
        let count = queues.saturating_add(1);
        let (table, state) = match state {
            Some(state) => (Some(state.messages.clone()), Some(state)),
            None => (None, None),
        };

        let mut configuration = identify(device.device_type(), queues)?;
        let group = interrupts.msi_group(count)?;
        let messages = Arc::new(Msix::new(id.clone(), group, count, MSIX_BAR, &mut configuration, table)?);
        let window = describe(&mut configuration, queues)?;
        configuration.add_express(express)?;
        if let Some(rom) = &rom {
            configuration.add_rom(rom.range_size())?;
        }

        let vectors = Vectors::new(queues);
        if let Some(state) = &state {
            configuration.restore(&id, &state.configuration)?;
            vectors
                .restore(state.config_vector, &state.queue_vectors)
                .map_err(|reason| StateError::Invalid { device: id, reason })?;
        }
        messages.follow(&configuration);
        let interrupt = Arc::new(PciInterrupt::new(interrupts.level_line(line)?, Arc::clone(&messages), vectors));
        interrupt.disable_pin(configuration.command().contains(Command::INTX_DISABLE));

        let selectors = state.as_ref().map(Selectors::from).unwrap_or_default();
        let pin = Box::new(Arc::clone(&interrupt));
        let core = VirtioCore::new(device, memory, workers, pin, state.map(|state| state.core))?;
        let common = Arc::new(Common::new(core, interrupt, selectors));
        Ok(Self { common, messages, window, rom, configuration: Mutex::new(configuration) })
    }

    /// Brings all handlers home and calls `done`, perhaps in this thread. Nothing runs then, and the state can be read.
    pub fn park(&self, done: Done) {
        self.common.core.park(done);
    }

    /// Hands the handlers back, each to be processed once, and interrupts again where an interrupt may have been lost:
    /// the pin is asserted while ISR is not zero, and with MSI-X each mapped vector sends its message. Not before `park`
    /// is done.
    pub fn unpark(&self) {
        self.common.interrupt.resume();
        self.common.core.unpark();
    }

    /// The state of the transport and of the device behind it: two sections of one device.
    ///
    /// # Errors
    /// The transport is not parked.
    pub fn save(&self) -> Result<[Section; 2], StateError> {
        let (core, device) = self.common.core.save()?;
        let Selectors { device_features, driver_features, queue } = self.common.selectors();
        let vectors = &self.common.interrupt.vectors;
        let state = PciTransportState {
            core,
            device_features_select: device_features,
            driver_features_select: driver_features,
            queue_select: queue,
            config_vector: vectors.config(),
            queue_vectors: vectors.queues(),
            configuration: self.lock().save(),
            messages: self.messages.save(),
        };
        Ok([Section::encode(self.common.core.id(), &state)?, device])
    }

    fn lock(&self) -> MutexGuard<'_, PciConfiguration> {
        // A panic in another thread leaves plain registers behind.
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: DeviceMemory> PciFunction for PciTransport<M> {
    fn id(&self) -> &DeviceId {
        self.common.core.id()
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        let mut configuration = self.lock();
        if let Some(target) = self.window.target(&configuration, offset, width) {
            drop(configuration);
            let value = BusDevice::read(&*self.common, target.offset, target.width) & Width::Dword.ones();
            configuration = self.lock();
            self.window.set_value(&mut configuration, target.width, u32::try_from(value).unwrap_or(u32::MAX));
        }
        configuration.set_interrupt_status(self.common.interrupt.is_pending());
        configuration.read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        let mut configuration = self.lock();
        configuration.write(offset, width, value);
        // Under the lock, so that what was written last counts.
        self.messages.follow(&configuration);
        self.common.interrupt.disable_pin(configuration.command().contains(Command::INTX_DISABLE));
        self.common.interrupt.update();
        if let Some(target) = self.window.target(&configuration, offset, width) {
            let value = self.window.value(&configuration, target.width);
            drop(configuration);
            BusDevice::write(&*self.common, target.offset, target.width, value.into());
        }
    }

    fn decoded(&self) -> Vec<DecodedBar> {
        self.lock().decoded()
    }

    fn bar_device(&self, bar: u8) -> Option<Arc<dyn BusDevice>> {
        match bar {
            STRUCTURES_BAR => Some(Arc::clone(&self.common) as _),
            MSIX_BAR => Some(Arc::clone(&self.messages) as _),
            ROM_BAR => self.rom.as_ref().map(|rom| Arc::clone(rom) as _),
            _ => None,
        }
    }

    fn doorbells(&self, bar: u8) -> Vec<Doorbell> {
        if bar != STRUCTURES_BAR {
            return Vec::new();
        }
        let doorbell = |(queue, event): (u32, _)| Doorbell {
            offset: NOTIFY + u64::from(queue) * u64::from(NOTIFY_MULTIPLIER),
            width: None,
            datamatch: None,
            event: Arc::clone(event),
        };
        (0..).zip(self.common.core.notifications()).map(doorbell).collect()
    }
}
