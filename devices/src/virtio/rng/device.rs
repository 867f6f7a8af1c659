//! The device: features, activation, state.

use super::config::RngConfig;
use super::queue::RngQueue;
use super::request::host_entropy;
use super::state::RngState;
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice};
use virtio_bindings::virtio_ids::VIRTIO_ID_RNG;

/// requestq (VIRTIO 1.2 5.4.2).
const QUEUE_SIZES: [u16; 1] = [64];

/// An entropy device, ready for any transport.
pub struct VirtioRng {
    config: RngConfig,
}

impl VirtioRng {
    /// An entropy device. Its state is empty, so every state fits.
    pub fn new(config: RngConfig, _state: Option<RngState>) -> Self {
        Self { config }
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioRng {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_RNG
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        0
    }

    fn read_config(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write_config(&mut self, _offset: u64, _data: &[u8]) {
        // There is no configuration space.
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let handler = |queue| Box::new(RngQueue::new(queue, host_entropy)) as Box<dyn QueueHandler>;
        Ok(activation.queues.into_iter().map(handler).collect())
    }

    fn reset(&mut self) {
        // Everything of an activation is in its handlers.
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &RngState {})
    }
}
