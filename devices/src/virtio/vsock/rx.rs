//! From the host to the guest: the receive queue (VIRTIO 1.2 5.10.6.4).

use super::connections::Connections;
use super::packet::HEADER_LENGTH;
use crate::virtio::chain::AccessError;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Packets given in one call, so that the guest's get their turn.
const BUDGET: usize = 64;
/// The longest payload of a packet for the guest.
const MAX_PAYLOAD: usize = 64 * 1024;

/// How a driver broke its receive queue.
#[derive(Debug, Error)]
enum ReceiveFault {
    #[error("A receive buffer of {0} bytes has no room for a header and a byte")]
    NoRoom(u32),
    #[error("A receive buffer cannot be written")]
    Memory(#[from] AccessError),
}

/// The receive queue. Streams are read only once the guest has a buffer and credit: until then their bytes wait with
/// the host.
pub(super) struct Receiver<M: DeviceMemory> {
    queue: VirtQueue<M>,
    connections: Arc<Mutex<Connections>>,
    events: OwnedFd,
    payload: Box<[u8]>,
}

impl<M: DeviceMemory> Receiver<M> {
    pub(super) fn new(queue: VirtQueue<M>, connections: Arc<Mutex<Connections>>) -> io::Result<Self> {
        let events = connections.lock().unwrap_or_else(PoisonError::into_inner).events()?;
        Ok(Self { queue, connections, events, payload: vec![0; MAX_PAYLOAD].into() })
    }

    /// Gives the guest one packet; `false`: there is none, or no buffer for it.
    fn give(&mut self, connections: &mut Connections) -> bool {
        if !connections.has_packets() || !self.queue.has_chain() {
            return false;
        }
        let Some(mut chain) = self.queue.pop() else { return false };
        let size = chain.writable.len();
        let room = usize::try_from(size.saturating_sub(HEADER_LENGTH)).unwrap_or(usize::MAX).min(MAX_PAYLOAD);
        if room == 0 {
            self.queue.fail(&ReceiveFault::NoRoom(size));
            return false;
        }
        let payload = self.payload.get_mut(..room).unwrap_or_default();
        let Some(header) = connections.packet(payload) else {
            self.queue.put_back(vec![chain]);
            return false;
        };
        let payload = payload.get(..header.length as usize).unwrap_or_default();
        let written = chain.writable.write(0, &header.to_bytes());
        match written.and_then(|()| chain.writable.write(HEADER_LENGTH, payload)) {
            Ok(()) => self.queue.complete(chain, HEADER_LENGTH.saturating_add(header.length)),
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
        let shared = Arc::clone(&self.connections);
        let mut connections = shared.lock().unwrap_or_else(PoisonError::into_inner);
        connections.poll();
        let idle = (0..BUDGET).any(|_| !self.give(&mut connections));
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
