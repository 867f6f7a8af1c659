//! Serves the request queue.

use super::request::{Entropy, fill};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::ControlFlow;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Requests served in one call: with the bound on each, at most 1 MiB.
const BUDGET: usize = 16;

/// The queue of an entropy device. Every request is answered at once, so none is ever under way.
pub(super) struct RngQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    entropy: Entropy,
}

impl<M: DeviceMemory> RngQueue<M> {
    pub(super) fn new(queue: VirtQueue<M>, entropy: Entropy) -> Self {
        Self { queue, entropy }
    }
}

impl<M: DeviceMemory> QueueHandler for RngQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        self.queue.acknowledge();
        self.queue.serve(BUDGET, |queue, mut chain| match fill(&mut chain.writable, self.entropy) {
            Ok(written) => {
                queue.complete(chain, written);
                ControlFlow::Continue(())
            }
            Err(error) => {
                queue.fail(&error);
                ControlFlow::Break(())
            }
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
