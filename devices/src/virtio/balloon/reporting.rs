//! reporting_vq: memory that the guest does not use now (VIRTIO 1.2 5.5.6.7). It takes it back by touching it.

use super::discard::{DiscardError, Discarder, PAGE};
use super::port::BalloonPort;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::sync::Arc;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Reports taken in one call, so that others get their turn: Linux puts 32 ranges into one.
const BUDGET: usize = 4;

/// The reporting queue.
pub(super) struct Reporting<M: DeviceMemory> {
    queue: VirtQueue<M>,
    discarder: Arc<Discarder>,
    port: Arc<BalloonPort>,
}

impl<M: DeviceMemory> Reporting<M> {
    pub(super) fn new(queue: VirtQueue<M>, discarder: Arc<Discarder>, port: Arc<BalloonPort>) -> Self {
        Self { queue, discarder, port }
    }
}

/// Gives back the whole pages of each range; how many bytes the host has taken.
fn report(ranges: impl Iterator<Item = (u64, u32)>, discarder: &Discarder) -> Result<u64, DiscardError> {
    let mut taken = 0;
    for (address, length) in ranges {
        let start = address.next_multiple_of(PAGE);
        let end = (address + u64::from(length)) / PAGE * PAGE;
        if start < end {
            taken += discarder.discard(start..end)?;
        }
    }
    Ok(taken)
}

impl<M: DeviceMemory> QueueHandler for Reporting<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, discarder, port } = self;
        queue.serve_at_once(BUDGET, |chain| {
            // They are guest memory: the chain was checked. So no sum overflows either.
            let ranges = chain.writable.ranges().map(|(address, length)| (address.0, length));
            port.count_reported(report(ranges, discarder)?);
            Ok::<_, DiscardError>(0)
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
