//! Messages of the driver: the control transmit queue (VIRTIO 1.2 5.3.6.2).

use super::control::{LENGTH, Message};
use super::ports::ConsolePorts;
use crate::virtio::chain::AccessError;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Messages taken in one call.
const BUDGET: usize = 64;

/// The driver broke its control transmit queue.
#[derive(Debug, Error)]
#[error("A message cannot be read")]
struct ControlFault(#[from] AccessError);

/// The control transmit queue.
pub(super) struct ControlTransmitter<M: DeviceMemory> {
    queue: VirtQueue<M>,
    ports: Arc<ConsolePorts>,
}

impl<M: DeviceMemory> ControlTransmitter<M> {
    pub(super) fn new(queue: VirtQueue<M>, ports: Arc<ConsolePorts>) -> Self {
        Self { queue, ports }
    }
}

impl<M: DeviceMemory> QueueHandler for ControlTransmitter<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, ports } = self;
        queue.serve_at_once(BUDGET, |chain| {
            let mut bytes = [0; LENGTH];
            chain.readable.read(0, &mut bytes).map_err(ControlFault)?;
            ports.table().control(Message::from_bytes(bytes));
            Ok::<_, ControlFault>(0)
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
