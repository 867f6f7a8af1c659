//! Messages for the driver: the control receive queue (VIRTIO 1.2 5.3.6.2).

use super::ports::ConsolePorts;
use crate::virtio::chain::AccessError;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// The driver broke its control receive queue.
#[derive(Debug, Error)]
#[error("A message cannot be written")]
struct ControlFault(#[from] AccessError);

/// The control receive queue. What the driver is to know waits with the ports, each thing once.
pub(super) struct ControlReceiver<M: DeviceMemory> {
    queue: VirtQueue<M>,
    ports: Arc<ConsolePorts>,
    bell: Arc<OwnedFd>,
}

impl<M: DeviceMemory> ControlReceiver<M> {
    pub(super) fn new(queue: VirtQueue<M>, ports: Arc<ConsolePorts>) -> Self {
        let bell = ports.table().bell();
        Self { queue, ports, bell }
    }
}

impl<M: DeviceMemory> QueueHandler for ControlReceiver<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        Some(self.bell.as_fd())
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        self.queue.quiet();
        let mut table = self.ports.table();
        // Few: each port has some messages at most, and gets new ones by the driver's and the host's doing only.
        while table.multiport && table.has_message() && self.queue.has_chain() {
            let Some(mut chain) = self.queue.pop() else { break };
            let Some(message) = table.message() else {
                self.queue.put_back(vec![chain]);
                break;
            };
            match chain.writable.write(0, &message) {
                Ok(()) => self.queue.complete(chain, u32::try_from(message.len()).unwrap_or(0)),
                Err(error) => self.queue.fail(&ControlFault(error)),
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
