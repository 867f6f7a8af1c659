//! Serves the request queue.

use super::request::{Entropy, fill, wanted};
use crate::rate_limit::RateLimiter;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Requests served in one call: with the bound on each, at most 1 MiB.
const BUDGET: usize = 16;

/// The queue of an entropy device. A request is answered at once or, when there is a limit, stays in the queue until it
/// may be: none is ever under way.
pub(super) struct RngQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    entropy: Entropy,
    limiter: Option<Arc<RateLimiter>>,
}

impl<M: DeviceMemory> RngQueue<M> {
    pub(super) fn new(queue: VirtQueue<M>, entropy: Entropy, limiter: Option<Arc<RateLimiter>>) -> Self {
        Self { queue, entropy, limiter }
    }
}

impl<M: DeviceMemory> QueueHandler for RngQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        let Self { queue, entropy, limiter } = self;
        queue.serve(BUDGET, |queue, mut chain| {
            if let Some(limiter) = limiter
                && let Err(later) = limiter.take(wanted(&chain.writable).into(), worker.now())
            {
                queue.put_back(vec![chain]);
                worker.wake_at(later);
                return ControlFlow::Break(());
            }
            match fill(&mut chain.writable, *entropy) {
                Ok(written) => {
                    queue.complete(chain, written);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    queue.fail(&error);
                    ControlFlow::Break(())
                }
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
