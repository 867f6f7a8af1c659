//! From the guest to the network: a transmit queue (VIRTIO 1.2 5.1.6.2).

use super::frame::{ETHERNET_HEADER, MAX_LENGTH};
use super::header::{Header, RawHeader};
use super::port::{NetPort, Pair};
use crate::backend::net::{HEADER_LENGTH, NetBackend, Offloads};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Frames sent in one call, so that receiving gets its turn.
const BUDGET: usize = 64;
/// The shortest frame that the host takes, behind its virtio header.
const SHORTEST: usize = HEADER_LENGTH as usize + ETHERNET_HEADER;

/// How a driver broke its transmit queue.
#[derive(Debug, Error)]
enum TransmitFault {
    #[error("A frame of {0} bytes to be sent is shorter than its header")]
    NoHeader(u32),
    #[error("A frame to be sent cannot be read")]
    Memory(#[from] AccessError),
}

/// A transmit queue. A frame that the host does not take at once is lost, as on a wire: a TAP's own queue is where
/// frames wait, and a guest's sending must not depend on who reads at the other end.
pub(super) struct Transmitter<M: DeviceMemory> {
    queue: VirtQueue<M>,
    way_out: WayOut,
}

struct WayOut {
    /// Which queue of the network.
    pair: u16,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
    /// Negotiated.
    offloads: Offloads,
    /// As long as the longest frame so far.
    buffer: Vec<u8>,
}

impl<M: DeviceMemory> Transmitter<M> {
    pub(super) fn new(
        queue: VirtQueue<M>,
        pair: u16,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        offloads: Offloads,
    ) -> Self {
        Self { queue, way_out: WayOut { pair, backend, port, offloads, buffer: Vec::new() } }
    }
}

impl WayOut {
    /// Sends the frame in `chain`, or drops it.
    fn send<T>(&mut self, chain: &Chain<T>) -> Result<(), TransmitFault>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        let length = chain.readable.len();
        if length < HEADER_LENGTH.into() {
            return Err(TransmitFault::NoHeader(length));
        }
        let sent = self.try_send(chain, length as usize)?;
        if let Some(Pair { sent: counter, .. }) = self.port.pair(self.pair) {
            if sent {
                counter.passed((length as usize).saturating_sub(HEADER_LENGTH.into()));
            } else {
                counter.lost();
            }
        }
        Ok(())
    }

    /// Sends the `length` bytes of `chain`, whether the host takes them.
    fn try_send<T>(&mut self, chain: &Chain<T>, length: usize) -> Result<bool, TransmitFault>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        if !(SHORTEST..=MAX_LENGTH).contains(&length) || !self.port.is_link_up() {
            return Ok(false);
        }
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        let Some(bytes) = self.buffer.get_mut(..length) else { return Ok(false) };
        chain.readable.read(0, bytes)?;
        let Some((raw, frame)) = bytes.split_first_chunk_mut::<{ size_of::<RawHeader>() }>() else { return Ok(false) };
        let Ok(header) = Header::parse(*raw).outgoing(frame.len(), self.offloads) else { return Ok(false) };
        *raw = header.bytes(0);
        let result = self.backend.send(self.pair, bytes);
        if let Err(error) = &result {
            self.port.host_failed("A frame of the guest cannot be sent: is the interface up?", error);
        }
        Ok(result.is_ok())
    }
}

impl<M: DeviceMemory> QueueHandler for Transmitter<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, way_out } = self;
        queue.serve_at_once(BUDGET, |chain| way_out.send(chain).map(|()| 0))
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
