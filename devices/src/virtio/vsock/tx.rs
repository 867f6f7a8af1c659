//! From the guest to the host: the transmit queue (VIRTIO 1.2 5.10.6.4).

use super::connections::Connections;
use super::credit::ROOM;
use super::packet::{HEADER_LENGTH, Header};
use crate::virtio::chain::{AccessError, Readable};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::{ControlFlow, Deref};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Packets taken in one call, so that the guest gets its own in between.
const BUDGET: usize = 64;

/// How a driver broke its transmit queue.
#[derive(Debug, Error)]
enum TransmitFault {
    #[error("A packet of {0} bytes is shorter than its header")]
    NoHeader(u32),
    #[error("A packet cannot be read")]
    Memory(#[from] AccessError),
}

/// The transmit queue. Every packet is taken at once: what the host does not take waits with its connection, as far as
/// the guest has credit for it.
pub(super) struct Transmitter<M: DeviceMemory> {
    queue: VirtQueue<M>,
    connections: Arc<Mutex<Connections>>,
    resumption: Arc<OwnedFd>,
    payload: Box<[u8]>,
}

impl<M: DeviceMemory> Transmitter<M> {
    pub(super) fn new(queue: VirtQueue<M>, connections: Arc<Mutex<Connections>>) -> Self {
        let resumption = connections.lock().unwrap_or_else(PoisonError::into_inner).resumption();
        Self { queue, connections, resumption, payload: vec![0; ROOM as usize].into() }
    }
}

/// Takes one packet.
fn take<T>(packet: &Readable<T>, buffer: &mut [u8], connections: &mut Connections) -> Result<(), TransmitFault>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let mut bytes = [0; HEADER_LENGTH as usize];
    let Some(payload) = packet.len().checked_sub(HEADER_LENGTH) else {
        return Err(TransmitFault::NoHeader(packet.len()));
    };
    packet.read(0, &mut bytes)?;
    let header = Header::from_bytes(&bytes);
    // More than there is, or than any connection has credit for.
    match buffer.get_mut(..header.length as usize).filter(|_| header.length <= payload) {
        Some(payload) => {
            packet.read(HEADER_LENGTH, payload)?;
            connections.receive(&header, payload);
        }
        None => connections.refuse(&header),
    }
    Ok(())
}

impl<M: DeviceMemory> QueueHandler for Transmitter<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        Some(self.resumption.as_fd())
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, connections, payload, .. } = self;
        let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.is_full() {
            return false;
        }
        let more = queue.serve(BUDGET, |queue, chain| match take(&chain.readable, payload, &mut connections) {
            Ok(()) => {
                queue.complete(chain, 0);
                if connections.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            Err(fault) => {
                queue.fail(&fault);
                ControlFlow::Break(())
            }
        });
        connections.ring_bell();
        more
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
