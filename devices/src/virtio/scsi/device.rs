//! The device: features, configuration space, activation, state.

use super::config::{ScsiConfig, Sizes, config_space};
use super::constants::{F_CHANGE, F_HOTPLUG};
use super::control::ControlQueue;
use super::events::{EventQueue, ScsiBus};
use super::queue::RequestQueue;
use super::state::ScsiState;
use super::tasks::{Membership, Tasks};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::scsi::LogicalUnit;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::parked::ParkedHeads;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice};
use std::sync::Arc;
use thiserror::Error;
use virtio_bindings::virtio_ids::VIRTIO_ID_SCSI;

/// Descriptors of a request queue, and of the two others.
const REQUEST_QUEUE_SIZE: u16 = 256;
const CONTROL_QUEUE_SIZE: u16 = 64;
/// The first request queue; the control queue and the event queue come before it.
const CONTROL: u16 = 0;
const EVENTS: u16 = 1;
const FIRST_REQUEST: u16 = 2;
/// Data segments of one request: header and response take a descriptor each.
const SEGMENTS: u32 = REQUEST_QUEUE_SIZE as u32 - 2;
/// Targets that can be addressed.
const MAX_TARGETS: usize = 256;

/// A SCSI device, ready for any transport.
pub struct VirtioScsi {
    id: DeviceId,
    bus: Arc<ScsiBus>,
    sizes: Sizes,
    queue_sizes: Vec<u16>,
    tasks: Arc<Tasks>,
    parked: Arc<ParkedHeads>,
    log: Arc<LogLimit>,
}

/// Why a SCSI device cannot be made.
#[derive(Debug, Error)]
pub enum ScsiError {
    /// There are more disks than targets.
    #[error("{0} disks are too many for one SCSI bus: it has {MAX_TARGETS} targets")]
    TooMany(usize),
    /// The saved device had other units.
    #[error("SCSI device {id} does not fit its saved state")]
    State {
        /// Which device.
        id: DeviceId,
        /// What does not fit.
        #[source]
        source: StateError,
    },
}

impl VirtioScsi {
    /// A device with the units of `config`; with `state`, as it was when that was saved.
    ///
    /// # Errors
    /// There are more units than targets; the state is that of other units.
    pub fn new(config: ScsiConfig, state: Option<ScsiState>) -> Result<Self, ScsiError> {
        let ScsiConfig { id, queues, units } = config;
        let count = units.len();
        if count > MAX_TARGETS {
            return Err(ScsiError::TooMany(count));
        }
        let wrong = |source| ScsiError::State { id: id.clone(), source };
        let sizes = state.as_ref().map_or(Sizes::RESET, |state| Sizes { sense: state.sense_size, cdb: state.cdb_size });
        let parked = state.as_ref().map(|state| state.parked.clone()).unwrap_or_default();
        if parked.iter().any(|(_, heads)| heads.len() > usize::from(REQUEST_QUEUE_SIZE)) {
            let reason = "more commands wait than a queue has".into();
            return Err(wrong(StateError::Invalid { device: id.clone(), reason }));
        }
        let saved = match state {
            Some(state) if state.units.len() != count || !sizes.possible() => {
                let saved = state.units.len();
                let reason = format!("it had {saved} units with sizes {sizes:?}, now it has {count}");
                return Err(wrong(StateError::Invalid { device: id.clone(), reason }));
            }
            Some(state) => state.units.into_iter().map(Some).collect(),
            None => vec![None; count],
        };
        let made = units.into_iter().zip(saved).map(|(unit, state)| LogicalUnit::new(unit, state));
        let units = made.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let mut queue_sizes = vec![CONTROL_QUEUE_SIZE; usize::from(FIRST_REQUEST)];
        queue_sizes.resize(queue_sizes.len() + usize::from(queues.max(1)), REQUEST_QUEUE_SIZE);
        let bus = ScsiBus::connected(units);
        let parked = Arc::new(ParkedHeads::new(parked));
        Ok(Self { id, bus, sizes, queue_sizes, tasks: Arc::default(), parked, log: Arc::default() })
    }

    fn request_queues(&self) -> u16 {
        u16::try_from(self.queue_sizes.len()).unwrap_or(u16::MAX).saturating_sub(FIRST_REQUEST)
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioScsi {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_SCSI
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &self.queue_sizes
    }

    fn features(&self) -> u64 {
        1 << F_HOTPLUG | 1 << F_CHANGE
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&config_space(self.request_queues(), SEGMENTS, self.sizes), offset, data);
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        self.sizes.write(offset, data);
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let changes = activation.features & 1 << F_CHANGE != 0;
        let mut handlers: Vec<Box<dyn QueueHandler>> = Vec::new();
        for queue in activation.queues {
            let event = queue.notification().try_clone().map_err(ActivateError::Backend)?;
            let bus = Arc::clone(&self.bus);
            handlers.push(match queue.index() {
                CONTROL => {
                    self.tasks.set_asker(event);
                    Box::new(ControlQueue::new(queue, bus, Arc::clone(&self.tasks)))
                }
                EVENTS => Box::new(EventQueue::new(queue, bus, changes).map_err(ActivateError::Backend)?),
                index => {
                    let membership = Membership::new(Arc::clone(&self.tasks), index, event);
                    let shared = (Arc::clone(&self.parked), Arc::clone(&self.log));
                    let number = index - FIRST_REQUEST;
                    Box::new(RequestQueue::new(queue, number, bus, self.sizes, membership, shared))
                }
            });
        }
        Ok(handlers)
    }

    fn reset(&mut self) {
        self.sizes = Sizes::RESET;
        self.parked.clear();
        self.bus.units().iter().for_each(LogicalUnit::reset);
    }

    fn save(&self) -> Result<Section, StateError> {
        let units = self.bus.units().iter().map(LogicalUnit::state).collect();
        Section::encode(
            &self.id,
            &ScsiState { sense_size: self.sizes.sense, cdb_size: self.sizes.cdb, units, parked: self.parked.all() },
        )
    }
}
