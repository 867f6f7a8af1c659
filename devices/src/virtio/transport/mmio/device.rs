//! The transport on the bus.

use super::MmioState;
use super::registers::Register;
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::EdgeLine;
use crate::state::{Section, StateError};
use crate::virtio::core::{Done, ISR_USED_BUFFERS, Isr, TransportInterrupt, VirtioCore};
use crate::virtio::transport::halves::{half, set_high, set_low};
use crate::virtio::{DeviceMemory, QueueConfig, QueueWorkers, VirtioDevice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use vmm_sys_util::eventfd::EventFd;

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
/// The version of the interface without legacy.
const VERSION: u32 = 2;
/// "PODV", little-endian: drivers only print it.
const VENDOR: u32 = 0x5644_4f50;
/// Where the device's configuration space starts.
const CONFIG: u64 = 0x100;

/// One device behind 4 KiB of registers.
///
/// Park it before dropping it, or the workers keep its handlers.
pub struct MmioTransport<M: DeviceMemory> {
    core: VirtioCore<M>,
    line: Arc<dyn EdgeLine>,
    device_features_select: AtomicU32,
    driver_features_select: AtomicU32,
    queue_select: AtomicU32,
}

/// All causes share the one line; ISR tells them apart.
struct Line {
    isr: Isr,
    line: Arc<dyn EdgeLine>,
}

impl TransportInterrupt for Line {
    fn isr(&self) -> &Isr {
        &self.isr
    }

    fn queue(&self, _index: u16) {
        self.isr.raise(ISR_USED_BUFFERS);
        self.line.trigger();
    }

    fn config(&self) {
        self.line.trigger();
    }

    /// An edge that was sent cannot be taken back.
    fn cleared(&self) {}
}

impl<M: DeviceMemory> MmioTransport<M> {
    /// Puts `device` behind registers; with `state`, as it was when that was saved, its queues re-activated.
    /// The transport starts parked: call [`MmioTransport::unpark`] before the first vCPU runs.
    ///
    /// # Errors
    /// The state breaks a rule of VIRTIO or does not fit the device, or the host has no more descriptors.
    pub fn new(
        device: Box<dyn VirtioDevice<M>>,
        memory: M,
        workers: Arc<dyn QueueWorkers>,
        line: Arc<dyn EdgeLine>,
        state: Option<MmioState>,
    ) -> Result<Self, StateError> {
        let selects = |read: fn(&MmioState) -> u32| AtomicU32::new(state.as_ref().map_or(0, read));
        Ok(Self {
            device_features_select: selects(|state| state.device_features_select),
            driver_features_select: selects(|state| state.driver_features_select),
            queue_select: selects(|state| state.queue_select),
            core: VirtioCore::new(
                device,
                memory,
                workers,
                Box::new(Line { isr: Isr::default(), line: Arc::clone(&line) }),
                state.map(|state| state.core),
            )?,
            line,
        })
    }

    /// The device's name.
    pub fn id(&self) -> &DeviceId {
        self.core.id()
    }

    /// The events that notifications of queues 0, 1, ... raise: for the machine's ioeventfds on [`super::QUEUE_NOTIFY`].
    pub fn queue_notify_events(&self) -> &[Arc<EventFd>] {
        self.core.notifications()
    }

    /// Brings all handlers home and calls `done`, perhaps in this thread. Nothing runs then, and the state can be read.
    pub fn park(&self, done: Done) {
        self.core.park(done);
    }

    /// Hands the handlers back, each to be processed once, and raises the line again when ISR is not zero: an edge
    /// that was on its way when the machine was paused is not part of any state. Not before `park` is done.
    pub fn unpark(&self) {
        if self.core.isr() != 0 {
            self.line.trigger();
        }
        self.core.unpark();
    }

    /// The state of the transport and of the device behind it: two sections of one device.
    ///
    /// # Errors
    /// The transport is not parked.
    pub fn save(&self) -> Result<[Section; 2], StateError> {
        let (core, device) = self.core.save()?;
        let state = MmioState {
            core,
            device_features_select: self.device_features_select.load(Ordering::Relaxed),
            driver_features_select: self.driver_features_select.load(Ordering::Relaxed),
            queue_select: self.queue_select.load(Ordering::Relaxed),
        };
        Ok([Section::encode(self.core.id(), &state)?, device])
    }

    /// The selected queue's index; `None`: there is no such queue.
    fn queue_index(&self) -> Option<u16> {
        let index = u16::try_from(self.queue_select.load(Ordering::Relaxed)).ok()?;
        self.core.queue_max_size(index).map(|_| index)
    }

    fn read_register(&self, register: Register) -> u32 {
        match register {
            Register::MagicValue => MAGIC,
            Register::Version => VERSION,
            Register::DeviceId => self.core.device_type(),
            Register::VendorId => VENDOR,
            Register::DeviceFeatures => {
                half(self.core.device_features(), self.device_features_select.load(Ordering::Relaxed))
            }
            Register::QueueNumMax => {
                self.queue_index().and_then(|index| self.core.queue_max_size(index)).unwrap_or(0).into()
            }
            Register::QueueReady => {
                self.queue_index().and_then(|index| self.core.queue(index)).is_some_and(|queue| queue.ready).into()
            }
            Register::QueueReset => self.queue_index().is_some_and(|index| self.core.is_queue_leaving(index)).into(),
            Register::InterruptStatus => self.core.isr(),
            Register::Status => self.core.status().bits().into(),
            // A shared memory region that does not exist has the length and the base of all ones.
            Register::ShmLenLow | Register::ShmLenHigh | Register::ShmBaseLow | Register::ShmBaseHigh => u32::MAX,
            Register::ConfigGeneration => self.core.config_generation(),
            Register::DeviceFeaturesSel
            | Register::DriverFeatures
            | Register::DriverFeaturesSel
            | Register::QueueSel
            | Register::QueueNum
            | Register::QueueNotify
            | Register::InterruptAck
            | Register::QueueDescLow
            | Register::QueueDescHigh
            | Register::QueueDriverLow
            | Register::QueueDriverHigh
            | Register::QueueDeviceLow
            | Register::QueueDeviceHigh => 0, // write-only
        }
    }

    fn write_register(&self, register: Register, value: u32) {
        match register {
            Register::DeviceFeaturesSel => self.device_features_select.store(value, Ordering::Relaxed),
            Register::DriverFeatures => {
                self.core.set_driver_features(self.driver_features_select.load(Ordering::Relaxed), value);
            }
            Register::DriverFeaturesSel => self.driver_features_select.store(value, Ordering::Relaxed),
            Register::QueueSel => self.queue_select.store(value, Ordering::Relaxed),
            // A size that does not even fit 16 bits is as impossible as 0: the queue cannot be enabled with it.
            Register::QueueNum => self.configure(|queue| queue.size = u16::try_from(value).unwrap_or(0)),
            Register::QueueReady => self.set_ready(value),
            Register::QueueReset => self.reset_queue(value),
            Register::QueueNotify => self.core.notify(value),
            Register::InterruptAck => {
                self.core.acknowledge(value);
            }
            Register::Status => self.set_status(value),
            Register::QueueDescLow => self.configure(|queue| set_low(&mut queue.descriptors, value)),
            Register::QueueDescHigh => self.configure(|queue| set_high(&mut queue.descriptors, value)),
            Register::QueueDriverLow => self.configure(|queue| set_low(&mut queue.available, value)),
            Register::QueueDriverHigh => self.configure(|queue| set_high(&mut queue.available, value)),
            Register::QueueDeviceLow => self.configure(|queue| set_low(&mut queue.used, value)),
            Register::QueueDeviceHigh => self.configure(|queue| set_high(&mut queue.used, value)),
            Register::MagicValue
            | Register::Version
            | Register::DeviceId
            | Register::VendorId
            | Register::DeviceFeatures
            | Register::QueueNumMax
            | Register::InterruptStatus
            | Register::ShmLenLow
            | Register::ShmLenHigh
            | Register::ShmBaseLow
            | Register::ShmBaseHigh
            | Register::ConfigGeneration => {} // read-only
        }
    }

    fn configure(&self, change: impl FnOnce(&mut QueueConfig)) {
        if let Some(index) = self.queue_index() {
            self.core.configure_queue(index, change);
        }
    }

    /// QueueReady has one bit; other values mean nothing.
    fn set_ready(&self, value: u32) {
        match (self.queue_index(), value) {
            (Some(index), 0) => self.core.disable_queue(index),
            (Some(index), 1) => self.core.enable_queue(index),
            _ => {}
        }
    }

    /// As QueueReady.
    fn reset_queue(&self, value: u32) {
        if let (Some(index), 1) = (self.queue_index(), value) {
            self.core.reset_queue(index);
        }
    }

    fn set_status(&self, value: u32) {
        if value == 0 {
            for select in [&self.device_features_select, &self.driver_features_select, &self.queue_select] {
                select.store(0, Ordering::Relaxed);
            }
            self.core.set_status(0);
            return;
        }
        // The field has 8 bits. A write that has only bits above them is no reset: it sets nothing.
        let [bits, ..] = value.to_le_bytes();
        if bits != 0 {
            self.core.set_status(bits);
        }
    }
}

impl<M: DeviceMemory> BusDevice for MmioTransport<M> {
    fn read(&self, offset: u64, width: Width) -> u64 {
        if let Some(offset) = offset.checked_sub(CONFIG) {
            let mut bytes = [0; 8];
            if let Some(data) = bytes.get_mut(..width.bytes()) {
                self.core.read_config(offset, data);
            }
            return u64::from_le_bytes(bytes);
        }
        match (Register::at(offset), width) {
            (Some(register), Width::Dword) => self.read_register(register).into(),
            _ => 0,
        }
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        let bytes = value.to_le_bytes();
        if let Some(offset) = offset.checked_sub(CONFIG) {
            if let Some(data) = bytes.get(..width.bytes()) {
                self.core.write_config(offset, data);
            }
            return;
        }
        if let (Some(register), Width::Dword) = (Register::at(offset), width) {
            let [a, b, c, d, ..] = bytes;
            self.write_register(register, u32::from_le_bytes([a, b, c, d]));
        }
    }
}
