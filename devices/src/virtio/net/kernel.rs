//! A queue that the host's kernel serves (vhost-net): it is lent while frames may pass, and otherwise stands still.
//!
//! ```text
//!            start, resume, cable in, pair in use
//!   here ◄────────────────────────────────────────► lent to the kernel
//!            pause, reset, cable out, pair not in use
//! ```

use super::frame::MAX_LENGTH;
use super::port::NetPort;
use super::session::Session;
use crate::backend::net::{KernelRings, NetBackend, RingOf, RingSetup};
use crate::virtio::{DeviceMemory, LendError, LentQueue, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use rustix::event::{EventfdFlags, epoll, eventfd};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// Frames that are thrown away at most, when the cable is plugged in again: more than any host lets wait.
const STALE: usize = 4096;

/// Why the kernel does not serve a queue.
#[derive(Debug, Error)]
enum KernelFault {
    #[error("The host's kernel finds a ring broken")]
    Ring,
    #[error("A ring cannot be given to the host's kernel")]
    Lend(#[from] LendError),
    #[error("The host's kernel does not serve a ring")]
    Host(#[source] io::Error),
}

/// A queue for frames whose kernel has it while frames may pass.
pub(super) struct KernelQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    ring: RingOf,
    /// Negotiated.
    features: u64,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
    session: Arc<Session>,
    /// Raised by the kernel to interrupt the driver, and by the port when frames may pass, or may no longer.
    wake: OwnedFd,
    /// Raised by the kernel when the driver has broken the ring.
    fault: OwnedFd,
    /// Readable when one of the two is raised.
    events: OwnedFd,
    /// Never raised: the driver notifies the kernel.
    idle: EventFd,
    /// The kernel has the queue: the memory that it works in.
    lent: Option<M::T>,
    /// The cable has been out: what waits is lost.
    stale: bool,
    broken: bool,
}

impl<M: DeviceMemory> KernelQueue<M> {
    pub(super) fn new(
        queue: VirtQueue<M>,
        ring: RingOf,
        features: u64,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        session: Arc<Session>,
    ) -> io::Result<Self> {
        let event = || eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC);
        let (wake, fault, events) = (event()?, event()?, epoll::create(epoll::CreateFlags::CLOEXEC)?);
        for event in [&wake, &fault] {
            epoll::add(&events, event, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        }
        let idle = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC)?;
        port.wake_on_change(queue.index(), wake.try_clone()?);
        let (lent, stale, broken) = (None, false, false);
        Ok(Self { queue, ring, features, backend, port, session, wake, fault, events, idle, lent, stale, broken })
    }

    /// Lends the queue to the kernel.
    fn start(&mut self) {
        let Some(kernel) = self.backend.kernel() else { return };
        match lend(kernel, &self.queue, self.ring, self.features, &self.wake, &self.fault) {
            Ok(mapped) => self.lent = Some(mapped),
            // The network has gone, or this queue of it is not attached: the driver's fault is none of them.
            Err(KernelFault::Host(error))
                if matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::WouldBlock) =>
            {
                self.port.host_failed("The network of a device has gone", &error);
            }
            Err(fault) => self.fail(&fault),
        }
    }

    /// Takes the queue back, if the kernel has it.
    fn stop(&mut self) {
        let (Some(mapped), Some(kernel)) = (self.lent.take(), self.backend.kernel()) else { return };
        match kernel.stop(self.ring) {
            Ok(next) => self.queue.take_back(next),
            Err(error) => {
                // The kernel may still work there.
                std::mem::forget(mapped);
                self.fail(&KernelFault::Host(error));
            }
        }
        if rustix::io::read(&self.wake, &mut [0; 8]).is_ok() {
            self.queue.interrupt();
        }
    }

    fn fail(&mut self, fault: &KernelFault) {
        self.broken = true;
        self.queue.fail(fault);
    }

    /// Loses the frames that wait for the guest, or those of it.
    fn discard(&mut self) {
        let Some(pair) = self.port.pair(self.ring.queue()) else { return };
        match self.ring {
            RingOf::Receive(queue) => {
                let mut frame = Vec::with_capacity(MAX_LENGTH);
                let waiting = (0..STALE).take_while(|_| {
                    frame.clear();
                    self.backend.receive(queue, &mut frame).is_ok()
                });
                waiting.for_each(|_| pair.received.lost());
            }
            RingOf::Transmit(_) => {
                self.queue.serve(STALE, |queue, chain| {
                    pair.sent.lost();
                    queue.complete(chain, 0);
                    ControlFlow::Continue(())
                });
            }
        }
    }
}

fn lend<M: DeviceMemory>(
    kernel: &dyn KernelRings,
    queue: &VirtQueue<M>,
    ring: RingOf,
    features: u64,
    call: &OwnedFd,
    fault: &OwnedFd,
) -> Result<M::T, KernelFault> {
    let LentQueue { mapped, memory, size, next, addresses } = queue.lend()?;
    // The driver may have notified while nobody listened.
    queue.notification().write(1).map_err(KernelFault::Host)?;
    let (kick, call, fault) = (queue.notification(), call.as_fd(), fault.as_fd());
    let setup = RingSetup { features, memory: &memory, size, next, addresses, kick, call, fault };
    kernel.start(ring, &setup).map_err(KernelFault::Host)?;
    Ok(mapped)
}

impl<M: DeviceMemory> Drop for KernelQueue<M> {
    /// The kernel must not have memory that goes.
    fn drop(&mut self) {
        self.stop();
    }
}

impl<M: DeviceMemory> QueueHandler for KernelQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        &self.idle
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        Some(self.events.as_fd())
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let lowered = |event| rustix::io::read(event, &mut [0; 8]).is_ok();
        if lowered(&self.wake) && self.lent.is_some() {
            self.queue.interrupt();
        }
        if lowered(&self.fault) {
            self.stop();
            self.fail(&KernelFault::Ring);
        }
        let plugged = self.port.is_link_up();
        let wanted = plugged && !self.broken && self.ring.queue() < self.session.pairs();
        match (self.lent.is_some(), wanted) {
            (true, false) => self.stop(),
            (false, true) => {
                if std::mem::take(&mut self.stale) {
                    self.discard();
                }
                self.start();
            }
            (true, true) | (false, false) => {}
        }
        self.stale |= !plugged;
        false
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        // Perhaps nobody has looked since; and by the next time it may be in again.
        self.stale |= !self.port.is_link_up();
        self.stop();
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
