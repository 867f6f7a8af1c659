//! The common configuration structure: what its registers do (VIRTIO 1.2 4.1.4.3).

use super::interrupt::PciInterrupt;
use super::registers::Register;
use super::state::PciTransportState;
use crate::virtio::core::VirtioCore;
use crate::virtio::transport::halves::{half, set_high, set_low};
use crate::virtio::{DeviceMemory, QueueConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// The device with the selectors that the driver writes.
pub(super) struct Common<M: DeviceMemory> {
    pub(super) core: VirtioCore<M>,
    pub(super) interrupt: Arc<PciInterrupt>,
    device_features_select: AtomicU32,
    driver_features_select: AtomicU32,
    queue_select: AtomicU16,
}

/// The selectors as they are saved.
#[derive(Clone, Copy, Default)]
pub(super) struct Selectors {
    pub(super) device_features: u32,
    pub(super) driver_features: u32,
    pub(super) queue: u16,
}

impl From<&PciTransportState> for Selectors {
    fn from(state: &PciTransportState) -> Self {
        Self {
            device_features: state.device_features_select,
            driver_features: state.driver_features_select,
            queue: state.queue_select,
        }
    }
}

impl<M: DeviceMemory> Common<M> {
    pub(super) fn new(core: VirtioCore<M>, interrupt: Arc<PciInterrupt>, selectors: Selectors) -> Self {
        Self {
            core,
            interrupt,
            device_features_select: AtomicU32::new(selectors.device_features),
            driver_features_select: AtomicU32::new(selectors.driver_features),
            queue_select: AtomicU16::new(selectors.queue),
        }
    }

    pub(super) fn selectors(&self) -> Selectors {
        Selectors {
            device_features: self.device_features_select.load(Ordering::Relaxed),
            driver_features: self.driver_features_select.load(Ordering::Relaxed),
            queue: self.queue_select.load(Ordering::Relaxed),
        }
    }

    /// What the selected queue's fields are read from; `None`: there is no such queue, and they read zero.
    fn queue(&self) -> Option<QueueConfig> {
        self.core.queue(self.queue_select.load(Ordering::Relaxed))
    }

    pub(super) fn read(&self, register: Register) -> u32 {
        let Selectors { device_features, driver_features, queue } = self.selectors();
        let low = |address: fn(QueueConfig) -> u64| self.queue().map_or(0, |queue| half(address(queue), 0));
        let high = |address: fn(QueueConfig) -> u64| self.queue().map_or(0, |queue| half(address(queue), 1));
        match register {
            Register::DeviceFeatureSelect => device_features,
            Register::DeviceFeature => half(self.core.device_features(), device_features),
            Register::DriverFeatureSelect => driver_features,
            Register::DriverFeature => half(self.core.driver_features(), driver_features),
            Register::ConfigMsixVector => self.interrupt.vectors.config().into(),
            Register::NumQueues => u32::try_from(self.core.notifications().len()).unwrap_or(u32::MAX),
            Register::DeviceStatus => self.core.status().bits().into(),
            Register::ConfigGeneration => self.core.config_generation() & 0xff,
            Register::QueueSelect => queue.into(),
            Register::QueueSize => self.queue().map_or(0, |queue| queue.size.into()),
            Register::QueueMsixVector => self.interrupt.vectors.queue(queue).into(),
            Register::QueueEnable => self.queue().is_some_and(|queue| queue.ready).into(),
            Register::QueueNotifyOff => self.queue().map_or(0, |_| queue.into()),
            Register::QueueDescLow => low(|queue| queue.descriptors),
            Register::QueueDescHigh => high(|queue| queue.descriptors),
            Register::QueueDriverLow => low(|queue| queue.available),
            Register::QueueDriverHigh => high(|queue| queue.available),
            Register::QueueDeviceLow => low(|queue| queue.used),
            Register::QueueDeviceHigh => high(|queue| queue.used),
            // Of VIRTIO_F_NOTIF_CONFIG_DATA, which is not offered.
            Register::QueueNotifyData => 0,
            Register::QueueReset => self.core.is_queue_leaving(queue).into(),
        }
    }

    /// `value` has no bits beyond the register's width.
    pub(super) fn write(&self, register: Register, value: u32) {
        let [low, high, ..] = value.to_le_bytes();
        let word = u16::from_le_bytes([low, high]);
        let queue = self.queue_select.load(Ordering::Relaxed);
        let configure = |change: &dyn Fn(&mut QueueConfig)| self.core.configure_queue(queue, change);
        match register {
            Register::DeviceFeatureSelect => self.device_features_select.store(value, Ordering::Relaxed),
            Register::DriverFeatureSelect => self.driver_features_select.store(value, Ordering::Relaxed),
            Register::DriverFeature => {
                self.core.set_driver_features(self.driver_features_select.load(Ordering::Relaxed), value);
            }
            Register::ConfigMsixVector => self.interrupt.vectors.set_config(word),
            Register::DeviceStatus => self.set_status(low),
            Register::QueueSelect => self.queue_select.store(word, Ordering::Relaxed),
            Register::QueueSize => configure(&|queue| queue.size = word),
            Register::QueueMsixVector => self.interrupt.vectors.set_queue(queue, word),
            // A driver cannot disable a queue (VIRTIO 1.2 4.1.4.3.2), only reset it; other values mean nothing.
            Register::QueueEnable if word == 1 => self.core.enable_queue(queue),
            Register::QueueReset if word == 1 => self.core.reset_queue(queue),
            Register::QueueDescLow => configure(&|queue| set_low(&mut queue.descriptors, value)),
            Register::QueueDescHigh => configure(&|queue| set_high(&mut queue.descriptors, value)),
            Register::QueueDriverLow => configure(&|queue| set_low(&mut queue.available, value)),
            Register::QueueDriverHigh => configure(&|queue| set_high(&mut queue.available, value)),
            Register::QueueDeviceLow => configure(&|queue| set_low(&mut queue.used, value)),
            Register::QueueDeviceHigh => configure(&|queue| set_high(&mut queue.used, value)),
            Register::QueueEnable | Register::QueueReset => {}
            Register::DeviceFeature
            | Register::NumQueues
            | Register::ConfigGeneration
            | Register::QueueNotifyOff
            | Register::QueueNotifyData => {} // read-only
        }
    }

    fn set_status(&self, bits: u8) {
        if bits == 0 {
            self.device_features_select.store(0, Ordering::Relaxed);
            self.driver_features_select.store(0, Ordering::Relaxed);
            self.queue_select.store(0, Ordering::Relaxed);
            self.interrupt.vectors.clear();
        }
        self.core.set_status(bits);
    }
}
