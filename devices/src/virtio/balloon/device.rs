//! The device: features, configuration space, activation, state.

use super::config::BalloonConfig;
use super::discard::{Discarder, GuestPages};
use super::free_page_hint::FreePageHints;
use super::pages::{Direction, PageQueue};
use super::port::BalloonPort;
use super::reporting::Reporting;
use super::state::BalloonState;
use super::statistics::Statistics;
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtQueue, VirtioDevice, VirtioInterrupt};
use std::sync::Arc;
use virtio_bindings::virtio_ids::VIRTIO_ID_BALLOON;

/// inflateq, deflateq, statsq, free_page_vq, reporting_vq (VIRTIO 1.2 5.5.2).
const QUEUE_SIZES: [u16; 5] = [128, 128, 16, 128, 32];
/// Features (VIRTIO 1.2 5.5.3).
const F_STATS_VQ: u32 = 1;
const F_DEFLATE_ON_OOM: u32 = 2;
const F_FREE_PAGE_HINT: u32 = 3;
const F_PAGE_REPORTING: u32 = 5;
/// Where `actual` stands in the configuration space.
const ACTUAL: u64 = 4;

/// A balloon device, ready for any transport.
pub struct VirtioBalloon {
    config: BalloonConfig,
    port: Arc<BalloonPort>,
    discarder: Arc<Discarder>,
}

impl VirtioBalloon {
    /// A balloon over `pages`; with `state`, as large as it was when that was saved.
    pub fn new(
        config: BalloonConfig,
        pages: Arc<dyn GuestPages>,
        port: Arc<BalloonPort>,
        state: Option<BalloonState>,
    ) -> Self {
        let discarder = Arc::new(Discarder::new(config.id.clone(), pages));
        let actual = state.as_ref().map_or(0, |state| state.actual);
        port.set_actual(actual);
        if let Some(state) = state {
            port.set_target(state.target);
        }
        Self { config, port, discarder }
    }

    fn handler<M: DeviceMemory>(&self, queue: VirtQueue<M>) -> Box<dyn QueueHandler> {
        let (port, discarder) = (Arc::clone(&self.port), Arc::clone(&self.discarder));
        match queue.index() {
            0 => Box::new(PageQueue::new(queue, Direction::Inflate(discarder), port)),
            1 => Box::new(PageQueue::new(queue, Direction::Deflate, port)),
            2 => Box::new(Statistics::new(queue, port, self.config.statistics_interval)),
            3 => Box::new(FreePageHints::new(queue)),
            _ => Box::new(Reporting::new(queue, discarder, port)),
        }
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioBalloon {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_BALLOON
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        let optional = |is: bool, feature: u32| u64::from(is) << feature;
        1 << F_STATS_VQ
            | 1 << F_FREE_PAGE_HINT
            | optional(self.config.deflate_on_oom, F_DEFLATE_ON_OOM)
            | optional(self.config.free_page_reporting, F_PAGE_REPORTING)
    }

    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        self.port.connect(&interrupt);
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        // num_pages and actual (VIRTIO 1.2 5.5.4); free_page_hint_cmd_id is "stop", poison_val is not offered.
        let mut space = [0; 16];
        let fields = [self.port.target().to_le_bytes(), self.port.actual().to_le_bytes()];
        space.iter_mut().zip(fields.as_flattened()).for_each(|(to, from)| *to = *from);
        read_space(&space, offset, data);
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        if let (ACTUAL, Ok(bytes)) = (offset, data.try_into()) {
            self.port.set_actual(u32::from_le_bytes(bytes));
        }
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        Ok(activation.queues.into_iter().map(|queue| self.handler(queue)).collect())
    }

    fn reset(&mut self) {
        // The new driver has not taken anything yet.
        self.port.set_actual(0);
    }

    fn save(&self) -> Result<Section, StateError> {
        let state = BalloonState { target: self.port.target(), actual: self.port.actual() };
        Section::encode(&self.config.id, &state)
    }
}
