//! free_page_vq (VIRTIO 1.2 5.5.6.6). The device never asks for hints; what comes is given back unseen.
//!
//! The queue is there for its number: drivers and specification count the queues behind it differently when it is not.

use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::ControlFlow;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Chains given back in one call.
const BUDGET: usize = 64;

/// The free page hint queue.
pub(super) struct FreePageHints<M: DeviceMemory> {
    queue: VirtQueue<M>,
}

impl<M: DeviceMemory> FreePageHints<M> {
    pub(super) fn new(queue: VirtQueue<M>) -> Self {
        Self { queue }
    }
}

impl<M: DeviceMemory> QueueHandler for FreePageHints<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        self.queue.serve(BUDGET, |queue, chain| {
            queue.complete(chain, 0);
            ControlFlow::Continue(())
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
