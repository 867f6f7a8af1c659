//! The transport on the bus.

use super::MmioState;
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::EdgeLine;
use crate::state::{Section, StateError};
use crate::virtio::{DeviceMemory, QueueWorkers, VirtioDevice};
use std::sync::Arc;
use vmm_sys_util::eventfd::EventFd;

/// One device behind 4 KiB of registers.
pub struct MmioTransport<M: DeviceMemory> {
    _memory: M,
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
        let _ = (device, memory, workers, line, state);
        todo!()
    }

    /// The device's name.
    pub fn id(&self) -> &DeviceId {
        todo!()
    }

    /// The events that notifications of queues 0, 1, ... raise: for the machine's ioeventfds.
    pub fn queue_notify_events(&self) -> &[EventFd] {
        todo!()
    }

    /// Brings all handlers home and calls `done`, in any thread. Nothing runs then, and the state can be read.
    pub fn park(&self, done: Box<dyn FnOnce() + Send>) {
        let _ = done;
        todo!()
    }

    /// Hands the handlers back, each to be processed once, and raises the line again when ISR is not zero.
    pub fn unpark(&self) {
        todo!()
    }

    /// The state of the transport and of the device behind it: two sections.
    ///
    /// # Errors
    /// The transport is not parked.
    pub fn save(&self) -> Result<Vec<Section>, StateError> {
        todo!()
    }
}

impl<M: DeviceMemory> BusDevice for MmioTransport<M> {
    fn read(&self, offset: u64, width: Width) -> u64 {
        let _ = (offset, width);
        todo!()
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        let _ = (offset, width, value);
        todo!()
    }
}
