//! From the network to the guest: a receive queue (VIRTIO 1.2 5.1.6.3, 5.1.6.4).

use super::frame::{MAX_LENGTH, fits};
use super::header::{Header, RawHeader};
use super::port::{NetPort, Pair};
use super::session::Session;
use crate::backend::net::{HEADER_LENGTH, NetBackend};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Frames taken in one call, so that sending gets its turn.
const BUDGET: usize = 64;

/// How a driver broke its receive queue.
#[derive(Debug, Error)]
enum ReceiveFault {
    /// VIRTIO 1.2 5.1.6.3.1: also with mergeable buffers, each has room for the header.
    #[error("A receive buffer of {0} bytes has no room for the header")]
    NoHeaderRoom(u32),
    #[error("A receive buffer cannot be written")]
    Memory(#[from] AccessError),
}

/// A receive queue. A frame is read only once the guest has a buffer for it: until then it waits in the host's queue,
/// which is bounded, and whose owner counts what it loses.
pub(super) struct Receiver<M: DeviceMemory> {
    queue: VirtQueue<M>,
    /// Which queue of the network.
    pair: u16,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
    session: Arc<Session>,
    /// A frame may take several buffers.
    mergeable: bool,
    /// What the driver was told not to expect more than.
    mtu: Option<u16>,
    /// Has room for any frame, and the one that is delivered.
    buffer: Vec<u8>,
}

/// What became of an attempt to receive.
enum Attempt {
    /// There was a frame, for better or worse.
    Taken,
    /// Nothing to do until a frame or a buffer comes, which wakes the worker.
    Idle,
}

impl<M: DeviceMemory> Receiver<M> {
    pub(super) fn new(
        queue: VirtQueue<M>,
        pair: u16,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        session: Arc<Session>,
        mergeable: bool,
        mtu: Option<u16>,
    ) -> Self {
        Self { queue, pair, backend, port, session, mergeable, mtu, buffer: Vec::with_capacity(MAX_LENGTH) }
    }

    fn receive(&mut self) -> Attempt {
        // Without a cable, frames are taken all the same: they would be old when it is plugged in.
        let link_up = self.port.is_link_up();
        if link_up && !self.queue.has_chain() {
            return Attempt::Idle;
        }
        self.buffer.clear();
        if let Err(error) = self.backend.receive(self.pair, &mut self.buffer) {
            self.port.host_failed("Frames for the guest cannot be read", &error);
            return Attempt::Idle;
        }
        let delivered = link_up && self.deliver();
        if let Some(Pair { received, .. }) = self.port.pair(self.pair).filter(|_| !delivered) {
            received.lost();
        }
        Attempt::Taken
    }

    /// Gives what is in the buffer to the guest; `false`: it is lost.
    fn deliver(&mut self) -> bool {
        let (length, bytes) = (self.buffer.len(), self.buffer.as_mut_slice());
        let Some((raw, frame)) = bytes.split_first_chunk_mut::<{ size_of::<RawHeader>() }>() else { return false };
        let Some(header) = Header::parse(*raw).incoming(self.session.accepted()) else { return false };
        // VIRTIO 1.2 5.1.4.1: what is not cut yet may be longer.
        if !header.is_segmented() && self.mtu.is_some_and(|mtu| !fits(frame, mtu)) {
            return false;
        }
        let Some(mut chains) = gather(&mut self.queue, length, self.mergeable) else { return false };
        // 5.1.6.4.1: 1 without mergeable buffers, too.
        *raw = header.bytes(u16::try_from(chains.len()).unwrap_or(u16::MAX));
        match scatter(&mut chains, bytes) {
            Ok(written) => {
                // Before the guest has it and may tell somebody.
                if let Some(Pair { received, .. }) = self.port.pair(self.pair) {
                    received.passed(length.saturating_sub(HEADER_LENGTH.into()));
                }
                self.queue.complete_together(chains.into_iter().zip(written));
                true
            }
            Err(error) => {
                self.queue.fail(&ReceiveFault::Memory(error));
                false
            }
        }
    }
}

/// Takes buffers with room for `length` bytes; `None`, and none is taken, when the guest has not enough.
fn gather<M: DeviceMemory>(queue: &mut VirtQueue<M>, length: usize, mergeable: bool) -> Option<Vec<Chain<M::T>>> {
    let mut chains = Vec::new();
    let mut room: usize = 0;
    while room < length {
        let next = if mergeable || chains.is_empty() { queue.pop() } else { None };
        let Some(chain) = next else {
            queue.put_back(chains);
            return None;
        };
        let size = chain.writable.len();
        if size < HEADER_LENGTH.into() {
            queue.fail(&ReceiveFault::NoHeaderRoom(size));
            return None;
        }
        room = room.saturating_add(size as usize);
        chains.push(chain);
    }
    Some(chains)
}

/// Spreads `bytes` over `chains`; how many each got.
fn scatter<T>(chains: &mut [Chain<T>], bytes: &[u8]) -> Result<Vec<u32>, AccessError>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let mut rest = bytes;
    let mut written = Vec::with_capacity(chains.len());
    for chain in chains {
        let count = chain.writable.len().min(u32::try_from(rest.len()).unwrap_or(u32::MAX));
        let (now, later) = rest.split_at_checked(count as usize).unwrap_or((rest, &[]));
        chain.writable.write(0, now)?;
        written.push(count);
        rest = later;
    }
    Ok(written)
}

impl<M: DeviceMemory> QueueHandler for Receiver<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        self.backend.readable(self.pair)
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        // Buffers are wanted only when there are none: `has_chain` asks for them then.
        self.queue.quiet();
        let idle = (0..BUDGET).any(|_| matches!(self.receive(), Attempt::Idle));
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
