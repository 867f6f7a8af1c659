//! The units of a bus, and what their driver is told of them without asking (VIRTIO 1.2 5.6.6.3).

use super::address::Address;
use super::config::EVENT_LENGTH;
use super::constants::T_PARAM_CHANGE;
use crate::backend::block::CapacityListener;
use crate::scsi::LogicalUnit;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// CAPACITY DATA HAS CHANGED: additional sense code and qualifier, as an event's reason has them.
const CAPACITY_CHANGED: u32 = 0x2a | 0x09 << 8;

/// The units of a device, by target, as its queues and its disks see them.
pub(super) struct ScsiBus {
    units: Vec<LogicalUnit>,
    news: Mutex<News>,
    /// What the disks' ports tell of their sizes.
    _listeners: Vec<Arc<dyn CapacityListener>>,
}

/// Tells of the size of one target.
struct Resized {
    bus: Weak<ScsiBus>,
    target: usize,
}

impl CapacityListener for Resized {
    fn capacity_changed(&self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.resized(self.target);
        }
    }
}

/// What the driver has not been told of.
#[derive(Default)]
struct News {
    /// Targets whose size has changed.
    resized: BTreeSet<usize>,
    /// Who tells it.
    teller: Option<EventFd>,
}

/// The buffer is too small for an event.
#[derive(Debug, Error)]
#[error("An event buffer has {0} bytes, which is not enough for an event")]
struct ShortBuffer(u32);

impl ScsiBus {
    /// A bus whose disks tell it when they have another size.
    pub(super) fn connected(units: Vec<LogicalUnit>) -> Arc<Self> {
        Arc::new_cyclic(|bus: &Weak<Self>| {
            let listener = |(target, unit): (usize, &LogicalUnit)| {
                let listener: Arc<dyn CapacityListener> = Arc::new(Resized { bus: Weak::clone(bus), target });
                unit.port().connect(&listener);
                listener
            };
            let _listeners = units.iter().enumerate().map(listener).collect();
            Self { units, news: Mutex::default(), _listeners }
        })
    }

    /// By target.
    pub(super) fn units(&self) -> &[LogicalUnit] {
        &self.units
    }

    /// The disk of `target` has another size: its driver is told (SBC-3 4.7: CAPACITY DATA HAS CHANGED).
    fn resized(&self, target: usize) {
        let Some(unit) = self.units.get(target) else { return };
        unit.capacity_changed();
        let mut news = self.news();
        news.resized.insert(target);
        if let Some(teller) = &news.teller {
            // Only fails when the counter is full, and then the queue is due anyway.
            let _ = teller.write(1);
        }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        // A panic in another thread leaves plain data behind.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event queue: buffers stay in it until there is something to tell.
pub(super) struct EventQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    bus: Arc<ScsiBus>,
    /// F_CHANGE.
    changes: bool,
}

impl<M: DeviceMemory> EventQueue<M> {
    /// Serves `queue`; a driver that has not negotiated it is told of no `changes`.
    ///
    /// # Errors
    /// The host has no more descriptors.
    pub(super) fn new(queue: VirtQueue<M>, bus: Arc<ScsiBus>, changes: bool) -> std::io::Result<Self> {
        bus.news().teller = Some(queue.notification().try_clone()?);
        Ok(Self { queue, bus, changes })
    }
}

impl<M: DeviceMemory> QueueHandler for EventQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        loop {
            let Some(target) = self.bus.news().resized.first().copied() else { break };
            if !self.changes {
                self.bus.news().resized.clear();
                break;
            }
            // Without a buffer it waits: what is not told yet is kept by unit, so that nothing is missed.
            if !self.queue.has_chain() {
                break;
            }
            let Some(mut chain) = self.queue.pop() else { break };
            self.bus.news().resized.remove(&target);
            let mut event = T_PARAM_CHANGE.to_le_bytes().to_vec();
            event.extend_from_slice(&Address::of_unit(target));
            event.extend_from_slice(&CAPACITY_CHANGED.to_le_bytes());
            if chain.writable.len() < EVENT_LENGTH {
                self.queue.fail(&ShortBuffer(chain.writable.len()));
                break;
            }
            match chain.writable.write(0, &event) {
                Ok(()) => self.queue.complete(chain, EVENT_LENGTH),
                Err(fault) => self.queue.fail(&fault),
            }
        }
        self.queue.signal();
        false
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
