//! An enabled queue, as a device's handler uses it: chains come out checked, used elements and interrupts go back.
//!
//! The configuration is frozen; at each use the rings are looked up in guest memory anew, because memory may have
//! changed its layout since. A ring that the driver broke is reported once through [`VirtioInterrupt::needs_reset`];
//! from then on the queue is silent, gives no chain and touches no guest memory, until the device is reset.

use super::chain::{Chain, ChainError};
use super::queue_config::{QueueConfig, QueueConfigError, check_memory};
use super::{DeviceMemory, QueueUse, VirtioInterrupt};
use std::num::Wrapping;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use thiserror::Error;
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_INDIRECT_DESC, VRING_AVAIL_F_NO_INTERRUPT};
use virtio_queue::{Queue, QueueState, QueueT};
use vm_memory::{Address, Bytes, GuestAddress, GuestMemoryError};
use vmm_sys_util::eventfd::EventFd;

/// How a driver broke its queue.
#[derive(Debug, Error)]
enum RingFault {
    #[error("The driver made {pending} chains available in a queue of {size}")]
    AvailableIndex { pending: u16, size: u16 },
    #[error("The available ring cannot be read")]
    Available(#[source] GuestMemoryError),
    #[error("The used ring cannot be written")]
    Used(#[source] GuestMemoryError),
    #[error("The queue has left guest memory")]
    Layout(#[from] QueueConfigError),
    #[error("A descriptor chain is malformed")]
    Chain(#[from] ChainError),
    #[error("The queue's rings cannot be accessed")]
    Ring(#[from] virtio_queue::Error),
}

/// One enabled queue with everything around it.
pub struct VirtQueue<M: DeviceMemory> {
    index: u16,
    ring: Queue,
    memory: M,
    notification: EventFd,
    interrupt: Arc<dyn VirtioInterrupt>,
    counters: Arc<QueueUse>,
    /// The driver broke it.
    broken: bool,
    /// VIRTIO_F_INDIRECT_DESC was negotiated.
    indirect: bool,
    /// Where the used ring stood when the driver was last told (or decided that it need not be).
    signalled: u16,
}

impl<M: DeviceMemory> VirtQueue<M> {
    /// Queue `index` with the validated `ring` and the negotiated `features`; the driver's notifications raise
    /// `notification`, which must not block.
    pub fn new(
        index: u16,
        ring: Queue,
        features: u64,
        memory: M,
        notification: EventFd,
        interrupt: Arc<dyn VirtioInterrupt>,
    ) -> Self {
        let indirect = features & 1 << VIRTIO_RING_F_INDIRECT_DESC != 0;
        let signalled = ring.next_used();
        let counters = Arc::default();
        Self { index, ring, memory, notification, interrupt, counters, broken: false, indirect, signalled }
    }

    /// Counts by `counters` what goes over it.
    pub fn counted_by(self, counters: Arc<QueueUse>) -> Self {
        Self { counters, ..self }
    }

    /// Its index in the device.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Becomes readable when the driver notifies.
    pub fn notification(&self) -> &EventFd {
        &self.notification
    }

    /// Configuration and position.
    pub fn state(&self) -> QueueState {
        self.ring.state()
    }

    /// Gives every available chain to `serve`, up to `budget` of them, or until it breaks off because it cannot take
    /// more now; then tells the driver what was used. `true`: the budget is used up, call again at once.
    ///
    /// Notifications are off meanwhile. They stay off when `serve` breaks off or the budget ends, since the caller
    /// comes back by itself then.
    pub fn serve(
        &mut self,
        mut budget: usize,
        mut serve: impl FnMut(&mut Self, Chain<M::T>) -> ControlFlow<()>,
    ) -> bool {
        loop {
            self.quiet();
            while let Some(chain) = if budget > 0 { self.pop() } else { None } {
                budget -= 1;
                if serve(self, chain).is_break() {
                    self.signal();
                    return false;
                }
            }
            self.signal();
            if budget == 0 {
                return !self.broken;
            }
            if !self.listen() {
                return false;
            }
        }
    }

    /// As [`VirtQueue::serve`], for a device that is done with each chain at once: `serve` answers how many bytes it wrote,
    /// or how the driver broke the queue.
    pub fn serve_at_once<E: std::error::Error + 'static>(
        &mut self,
        budget: usize,
        mut serve: impl FnMut(&mut Chain<M::T>) -> Result<u32, E>,
    ) -> bool {
        self.serve(budget, |queue, mut chain| match serve(&mut chain) {
            Ok(written) => {
                queue.complete(chain, written);
                ControlFlow::Continue(())
            }
            Err(fault) => {
                queue.fail(&fault);
                ControlFlow::Break(())
            }
        })
    }

    /// `true` when a chain is available. When there is none, the driver is asked to notify of the next.
    pub fn has_chain(&mut self) -> bool {
        if self.broken {
            return false;
        }
        let memory = self.memory.memory();
        match self.pending(&memory) {
            Ok(0) => self.listen(),
            Ok(_) => true,
            Err(fault) => {
                self.fail(&fault);
                false
            }
        }
    }

    /// The next available chain, checked; `None` when there is none or the driver broke the queue.
    pub fn pop(&mut self) -> Option<Chain<M::T>> {
        if self.broken {
            return None;
        }
        match self.try_pop() {
            Ok(chain) => chain,
            Err(fault) => {
                self.fail(&fault);
                None
            }
        }
    }

    /// The chain that begins at `head`, which was popped before the queue's state was saved and is not used yet; `None`
    /// when the driver has broken it since.
    pub fn chain_at(&mut self, head: u16) -> Option<Chain<M::T>> {
        if self.broken {
            return None;
        }
        let memory = self.memory.memory();
        match Chain::walk(&memory, GuestAddress(self.ring.desc_table()), self.ring.size(), head, self.indirect) {
            Ok(chain) => Some(chain),
            Err(fault) => {
                self.fail(&RingFault::Chain(fault));
                None
            }
        }
    }

    /// How many chains are available.
    fn pending(&self, memory: &M::T) -> Result<u16, RingFault> {
        let size = self.ring.size();
        check_memory(&QueueConfig::from_state(&self.ring.state()), &**memory)?;
        let next = Wrapping(self.ring.next_avail());
        let pending = (self.ring.avail_idx(&**memory, Ordering::Acquire)? - next).0;
        if pending > size { Err(RingFault::AvailableIndex { pending, size }) } else { Ok(pending) }
    }

    fn try_pop(&mut self) -> Result<Option<Chain<M::T>>, RingFault> {
        let memory = self.memory.memory();
        if self.pending(&memory)? == 0 {
            return Ok(None);
        }
        let (size, next) = (self.ring.size(), Wrapping(self.ring.next_avail()));
        // flags and idx come before the ring; `check_memory` has seen that this is inside memory.
        let slot = GuestAddress(self.ring.avail_ring()).unchecked_add(4 + 2 * u64::from(next.0 % size));
        let head = memory.load(slot, Ordering::Relaxed).map(u16::from_le).map_err(RingFault::Available)?;
        let chain = Chain::walk(&memory, GuestAddress(self.ring.desc_table()), size, head, self.indirect)?;
        self.ring.set_next_avail((next + Wrapping(1)).0);
        Ok(Some(chain))
    }

    /// Makes the chains that were popped last, in this order, available again, as if nobody had looked at them.
    pub fn put_back(&mut self, chains: Vec<Chain<M::T>>) {
        let next = chains.iter().fold(Wrapping(self.ring.next_avail()), |next, _| next - Wrapping(1));
        self.ring.set_next_avail(next.0);
    }

    /// Puts `chain` into the used ring; the device wrote `written` bytes from the start of its writable part
    /// (VIRTIO 1.2 2.7.8.2). Everything written is marked dirty before the driver can see it.
    pub fn complete(&mut self, chain: Chain<M::T>, written: u32) {
        self.complete_together([(chain, written)]);
    }

    /// As [`VirtQueue::complete`], for chains of which the driver must see all or none.
    pub fn complete_together(&mut self, chains: impl IntoIterator<Item = (Chain<M::T>, u32)>) {
        if let Err(fault) = self.try_complete(chains) {
            self.fail(&fault);
        }
    }

    fn try_complete(&mut self, chains: impl IntoIterator<Item = (Chain<M::T>, u32)>) -> Result<(), RingFault> {
        let memory = self.memory.memory();
        let used = GuestAddress(self.ring.used_ring());
        let mut next = Wrapping(self.ring.next_used());
        for (chain, written) in chains {
            let written = written.min(chain.writable.len());
            let element = [u32::from(chain.head()).to_le(), written.to_le()];
            let read = chain.readable.len();
            drop(chain);
            if self.broken {
                continue;
            }
            self.counters.used(read, written);
            // flags and idx come before the ring; `check_memory` has seen its end.
            let slot = used.unchecked_add(4 + 8 * u64::from(next.0 % self.ring.size()));
            memory.write_obj(element, slot).map_err(RingFault::Used)?;
            next += Wrapping(1);
        }
        if !self.broken {
            self.ring.set_next_used(next.0);
            memory.store(next.0.to_le(), used.unchecked_add(2), Ordering::Release).map_err(RingFault::Used)?;
        }
        Ok(())
    }

    /// Interrupts the driver if something was used since the last call and it wants to know.
    pub fn signal(&mut self) {
        let before = std::mem::replace(&mut self.signalled, self.ring.next_used());
        if self.broken || before == self.signalled {
            return;
        }
        match self.wants_interrupt(before) {
            Ok(true) => {
                self.counters.interrupted();
                self.interrupt.used_buffers(self.index);
            }
            Ok(false) => {}
            Err(fault) => self.fail(&fault),
        }
    }

    /// Whether the driver wants to know what was used since the ring stood at `before` (VIRTIO 1.2 2.7.7.2): the event
    /// index where negotiated, else the available ring's flag.
    fn wants_interrupt(&self, before: u16) -> Result<bool, RingFault> {
        let memory = self.memory.memory();
        let ring = GuestAddress(self.ring.avail_ring());
        let read = |offset: u64| {
            let field = memory.load(ring.unchecked_add(offset), Ordering::Relaxed);
            field.map(u16::from_le).map_err(RingFault::Available)
        };
        // The used index must be visible before the driver's wish is read: who changes it looks at the index next.
        fence(Ordering::SeqCst);
        if self.ring.event_idx_enabled() {
            // used_event, behind the ring: the element that it names is one of those since `before`.
            let event = read(4 + 2 * u64::from(self.ring.size()))?;
            let now = self.ring.next_used();
            return Ok(now.wrapping_sub(event).wrapping_sub(1) < now.wrapping_sub(before));
        }
        Ok(u32::from(read(0)?) & VRING_AVAIL_F_NO_INTERRUPT == 0)
    }

    /// Asks the driver not to notify for now.
    pub fn quiet(&mut self) {
        if !self.broken
            && let Err(fault) = self.ring.disable_notification(&*self.memory.memory())
        {
            self.fail(&RingFault::Ring(fault));
        }
    }

    /// Asks for notifications again; `true` when a chain became available in the meantime.
    fn listen(&mut self) -> bool {
        if self.broken {
            return false;
        }
        match self.ring.enable_notification(&*self.memory.memory()) {
            Ok(more) => more,
            Err(fault) => {
                self.fail(&RingFault::Ring(fault));
                false
            }
        }
    }

    /// The driver broke a rule that only a reset repairs.
    pub fn fail(&mut self, fault: &(dyn std::error::Error + 'static)) {
        if !std::mem::replace(&mut self.broken, true) {
            self.interrupt.needs_reset(fault);
        }
    }
}

mod lend;
#[cfg(test)]
mod tests;

pub use lend::{LendError, LentQueue};
