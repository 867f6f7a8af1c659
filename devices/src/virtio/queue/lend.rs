//! A queue that somebody else serves for a while: the host's kernel.

use super::{RingFault, VirtQueue};
use crate::backend::net::HostRange;
use crate::virtio::DeviceMemory;
use crate::virtio::queue_config::{QueueConfig, QueueConfigError, check_memory};
use std::sync::atomic::Ordering;
use thiserror::Error;
use virtio_queue::QueueT;
use vm_memory::{
    GuestAddress, GuestMemory, GuestMemoryBackend, GuestMemoryError, GuestMemoryRegion, MemoryRegionAddress,
    Permissions,
};

/// Why a queue cannot be lent.
#[derive(Debug, Error)]
pub enum LendError {
    /// It is not in guest memory.
    #[error("The queue has left guest memory")]
    Layout(#[from] QueueConfigError),
    /// One of its parts is in two pieces of memory, which are not adjacent here.
    #[error("The part of the queue at {0:#x} lies in two regions of memory")]
    Split(u64),
    /// Guest memory cannot be reached by addresses alone.
    #[error("Guest memory is not mapped as a whole")]
    NotMapped,
    /// Guest memory says no.
    #[error("Guest memory cannot be accessed")]
    Memory(#[from] GuestMemoryError),
}

/// A queue and all guest memory, as they are mapped in this process.
pub struct LentQueue<T> {
    /// Keeps guest memory mapped: to be dropped once nobody uses the addresses any more.
    pub mapped: T,
    /// Everything that descriptors may name.
    pub memory: Vec<HostRange>,
    /// Descriptors.
    pub size: u16,
    /// The next slot of the available ring.
    pub next: u16,
    /// Addresses in this process: descriptors, available ring, used ring.
    pub addresses: [u64; 3],
}

impl<M: DeviceMemory> VirtQueue<M> {
    /// Where the queue is, for somebody who serves it by addresses. What he writes is not marked dirty. Until
    /// [`VirtQueue::take_back`] nothing else may be done with the queue.
    ///
    /// # Errors
    /// The queue or guest memory cannot be given by addresses.
    pub fn lend(&self) -> Result<LentQueue<M::T>, LendError> {
        let memory = self.memory.memory();
        let config = QueueConfig::from_state(&self.ring.state());
        check_memory(&config, &*memory)?;
        let all = memory.physical_memory().ok_or(LendError::NotMapped)?;
        let ranges = all.iter().map(|region| {
            let length = usize::try_from(region.len()).map_err(|_| LendError::NotMapped)?;
            let host = region.get_slice(MemoryRegionAddress(0), length)?.ptr_guard().as_ptr();
            Ok(HostRange { guest: region.start_addr().0, length: region.len(), host: host.addr() as u64 })
        });
        let ranges: Vec<_> = ranges.collect::<Result<_, LendError>>()?;
        let size = usize::from(config.size);
        let parts = [
            (config.descriptors, 16 * size, Permissions::Read),
            (config.available, 6 + 2 * size, Permissions::Read),
            (config.used, 6 + 8 * size, Permissions::Write),
        ];
        let mut addresses = [0; 3];
        for (address, (start, length, access)) in addresses.iter_mut().zip(parts) {
            let mut slices = memory.get_slices(GuestAddress(start), length, access)?;
            let slice = slices.next().ok_or(LendError::Split(start))??;
            if slice.len() != length {
                return Err(LendError::Split(start));
            }
            *address = slice.ptr_guard().as_ptr().addr() as u64;
        }
        Ok(LentQueue { memory: ranges, size: config.size, next: config.next_avail, addresses, mapped: memory })
    }

    /// The queue is served here again, from slot `next` of its available ring on. Its used ring says itself how far it is.
    pub fn take_back(&mut self, next: u16) {
        self.ring.set_next_avail(next);
        match self.ring.used_idx(&*self.memory.memory(), Ordering::Acquire) {
            Ok(used) => {
                self.ring.set_next_used(used.0);
                self.signalled = used.0;
            }
            Err(fault) => self.fail(&RingFault::Ring(fault)),
        }
    }

    /// Interrupts the driver on behalf of whoever serves the queue, and knows that the driver wants it.
    pub fn interrupt(&self) {
        self.counters.interrupted();
        self.interrupt.used_buffers(self.index);
    }
}
