//! The device: features, activation, state.

use super::config::RngConfig;
use super::queue::RngQueue;
use super::request::host_entropy;
use super::state::RngState;
use crate::id::DeviceId;
use crate::rate_limit::RateLimiter;
use crate::state::{Section, StateError};
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice};
use std::sync::Arc;
use std::time::Instant;
use virtio_bindings::virtio_ids::VIRTIO_ID_RNG;

/// requestq (VIRTIO 1.2 5.4.2).
const QUEUE_SIZES: [u16; 1] = [64];

/// An entropy device, ready for any transport.
pub struct VirtioRng {
    config: RngConfig,
    /// It outlives its drivers: a reset gives no new burst.
    limiter: Option<Arc<RateLimiter>>,
}

impl VirtioRng {
    /// An entropy device. Its state is empty, so every state fits.
    pub fn new(config: RngConfig, _state: Option<RngState>) -> Self {
        let limiter = RateLimiter::new(&config.limit, Instant::now()).map(Arc::new);
        Self { config, limiter }
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
        let handler =
            |queue| Box::new(RngQueue::new(queue, host_entropy, self.limiter.clone())) as Box<dyn QueueHandler>;
        Ok(activation.queues.into_iter().map(handler).collect())
    }

    fn reset(&mut self) {
        // Everything of an activation is in its handlers.
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &RngState {})
    }
}
