//! The event queue (VIRTIO 1.2 5.10.6.6): after a restore the driver is told that its connections are gone.

use crate::virtio::chain::AccessError;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, as `struct virtio_vsock_event`.
const TRANSPORT_RESET: [u8; 4] = [0; 4];

/// The driver broke its event queue.
#[derive(Debug, Error)]
#[error("An event cannot be written")]
struct EventFault(#[from] AccessError);

/// The event queue. Its buffers lie there until something happens.
pub(super) struct Events<M: DeviceMemory> {
    queue: VirtQueue<M>,
    /// The driver does not know yet that its connections are gone.
    transport_reset: bool,
}

impl<M: DeviceMemory> Events<M> {
    pub(super) fn new(queue: VirtQueue<M>, transport_reset: bool) -> Self {
        Self { queue, transport_reset }
    }
}

impl<M: DeviceMemory> QueueHandler for Events<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        // Without a buffer, `has_chain` asks the driver to notify of one.
        if self.transport_reset
            && self.queue.has_chain()
            && let Some(mut chain) = self.queue.pop()
        {
            match chain.writable.write(0, &TRANSPORT_RESET) {
                Ok(()) => {
                    self.transport_reset = false;
                    self.queue.complete(chain, 4);
                    self.queue.signal();
                }
                Err(error) => self.queue.fail(&EventFault(error)),
            }
        }
        false
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
