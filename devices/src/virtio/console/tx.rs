//! From the guest to the host: a port's transmit queue (VIRTIO 1.2 5.3.6).

use super::port::Port;
use super::ports::ConsolePorts;
use crate::virtio::chain::{AccessError, Readable};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::io;
use std::ops::{ControlFlow, Deref};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Buffers taken in one call, so that others get their turn.
const BUDGET: usize = 64;
/// Bytes written at a time.
const CHUNK: usize = 16 * 1024;

/// A driver broke a transmit queue.
#[derive(Debug, Error)]
#[error("A transmit buffer cannot be read")]
struct TransmitFault(#[from] AccessError);

/// A port's transmit queue. A buffer of which the host has taken only a part stays in the queue: how much that was is
/// remembered with the port.
pub(super) struct Transmitter<M: DeviceMemory> {
    queue: VirtQueue<M>,
    ports: Arc<ConsolePorts>,
    port: usize,
    /// Nobody receives at this port: then this queue watches the host's end.
    alone: bool,
    events: OwnedFd,
    buffer: Box<[u8]>,
}

impl<M: DeviceMemory> Transmitter<M> {
    /// The host's end has one watcher: the port's receive queue, or this one if it is `alone`.
    pub(super) fn new(queue: VirtQueue<M>, ports: Arc<ConsolePorts>, port: usize, alone: bool) -> io::Result<Self> {
        let events = match ports.table().port(port) {
            Some(port) if alone => port.end.events().try_clone_to_owned()?,
            Some(port) => port.room().try_clone_to_owned()?,
            None => return Err(io::ErrorKind::NotFound.into()), // the device has no such queue
        };
        Ok(Self { queue, ports, port, alone, events, buffer: vec![0; CHUNK].into() })
    }
}

/// Gives the end what is left of a buffer; `false`: it does not take all of it now.
fn give<T>(readable: &Readable<T>, port: &mut Port, buffer: &mut [u8]) -> Result<bool, TransmitFault>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    while port.taken < readable.len() {
        let count = usize::try_from(readable.len() - port.taken).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        readable.read(port.taken, bytes)?;
        let taken = port.end.write(bytes);
        port.taken = port.taken.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
        if taken < count && !port.end.is_writable() {
            return Ok(false);
        }
    }
    // A buffer may have become shorter while it waited: then it is done too.
    port.taken = 0;
    Ok(true)
}

impl<M: DeviceMemory> QueueHandler for Transmitter<M> {
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
        let Self { queue, ports, port, alone, buffer, .. } = self;
        let mut table = ports.table();
        if *alone {
            table.poll(*port);
        }
        let Some(port) = table.port(*port) else { return false };
        queue.serve(BUDGET, |queue, chain| match give(&chain.readable, port, buffer) {
            Ok(true) => {
                queue.complete(chain, 0);
                ControlFlow::Continue(())
            }
            Ok(false) => {
                queue.put_back(vec![chain]);
                port.stall();
                ControlFlow::Break(())
            }
            Err(fault) => {
                queue.fail(&fault);
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
