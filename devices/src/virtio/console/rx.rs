//! From the host to the guest: a port's receive queue (VIRTIO 1.2 5.3.6).

use super::ports::{ConsolePorts, Table};
use crate::virtio::chain::AccessError;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Buffers filled in one call, so that others get their turn.
const BUDGET: usize = 64;
/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// How a driver broke a receive queue.
#[derive(Debug, Error)]
enum ReceiveFault {
    #[error("A receive buffer has no room")]
    NoRoom,
    #[error("A receive buffer cannot be written")]
    Memory(#[from] AccessError),
}

/// A port's receive queue. The host's end is read only once the guest has a buffer.
pub(super) struct Receiver<M: DeviceMemory> {
    queue: VirtQueue<M>,
    ports: Arc<ConsolePorts>,
    port: usize,
    events: OwnedFd,
    buffer: Box<[u8]>,
}

impl<M: DeviceMemory> Receiver<M> {
    pub(super) fn new(queue: VirtQueue<M>, ports: Arc<ConsolePorts>, port: usize) -> io::Result<Self> {
        let events = match ports.table().port(port) {
            Some(port) => port.end.events().try_clone_to_owned()?,
            None => return Err(io::ErrorKind::NotFound.into()), // the device has no such queue
        };
        Ok(Self { queue, ports, port, events, buffer: vec![0; CHUNK].into() })
    }

    /// Fills one buffer; `false`: there is nothing to fill it with, or no buffer.
    fn fill(&mut self, table: &mut Table) -> bool {
        let multiport = table.multiport;
        let Some(port) = table.port(self.port) else { return false };
        if !port.is_reading(multiport) || !port.end.is_readable() || !self.queue.has_chain() {
            return false;
        }
        let Some(mut chain) = self.queue.pop() else { return false };
        let room = usize::try_from(chain.writable.len()).unwrap_or(usize::MAX).min(CHUNK);
        if room == 0 {
            self.queue.fail(&ReceiveFault::NoRoom);
            return false;
        }
        let buffer = self.buffer.get_mut(..room).unwrap_or_default();
        let count = port.end.read(buffer);
        if count == 0 {
            self.queue.put_back(vec![chain]);
            return false;
        }
        match chain.writable.write(0, buffer.get(..count).unwrap_or_default()) {
            Ok(()) => self.queue.complete(chain, u32::try_from(count).unwrap_or(0)), // at most the chain's
            Err(error) => self.queue.fail(&ReceiveFault::Memory(error)),
        }
        true
    }
}

impl<M: DeviceMemory> QueueHandler for Receiver<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        Some(self.events.as_fd())
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        // Buffers are wanted only when there are none: `has_chain` asks for them then.
        self.queue.quiet();
        let ports = Arc::clone(&self.ports);
        let mut table = ports.table();
        table.poll(self.port);
        let idle = (0..BUDGET).any(|_| !self.fill(&mut table));
        self.queue.signal();
        !idle
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
