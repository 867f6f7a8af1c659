//! The driver's half of a queue.

use super::{NotedInterrupt, TestMemory};
use crate::virtio::{QueueConfig, VirtQueue};
use std::sync::Arc;
use virtio_queue::desc::{RawDescriptor, split::Descriptor};
use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// VIRTQ_DESC_F_NEXT.
pub(crate) const NEXT: u16 = 1;
/// VIRTQ_DESC_F_WRITE.
pub(crate) const WRITE: u16 = 2;

/// A queue in memory, as a driver sees it.
pub(crate) struct Driver {
    pub(crate) memory: TestMemory,
    pub(crate) size: u16,
    /// Chains made available so far.
    pub(crate) available: u16,
}

/// One descriptor of the table.
pub(crate) fn descriptor(address: u64, length: u32, flags: u16, next: u16) -> RawDescriptor {
    RawDescriptor::from(Descriptor::new(address, length, flags, next))
}

impl Driver {
    pub(crate) const DESCRIPTORS: u64 = 0x1000;
    pub(crate) const AVAILABLE: u64 = 0x2000;
    pub(crate) const USED: u64 = 0x3000;

    pub(crate) fn new(memory: TestMemory, size: u16) -> Self {
        Self { memory, size, available: 0 }
    }

    pub(crate) fn config(&self) -> QueueConfig {
        QueueConfig {
            size: self.size,
            ready: true,
            descriptors: Self::DESCRIPTORS,
            available: Self::AVAILABLE,
            used: Self::USED,
            next_avail: 0,
            next_used: 0,
        }
    }

    /// The device's half.
    pub(crate) fn queue(&self) -> (VirtQueue<TestMemory>, Arc<NotedInterrupt>) {
        let interrupt = Arc::new(NotedInterrupt::default());
        let ring = self.config().to_queue(self.size, false).unwrap();
        let event = EventFd::new(EFD_NONBLOCK).unwrap();
        (VirtQueue::new(0, ring, 0, Arc::clone(&self.memory), event, Arc::clone(&interrupt) as _), interrupt)
    }

    /// Writes one descriptor of the table.
    pub(crate) fn set(&self, index: u16, descriptor: RawDescriptor) {
        self.memory.write_obj(descriptor, GuestAddress(Self::DESCRIPTORS + 16 * u64::from(index))).unwrap();
    }

    /// Writes a chain of (address, length, device-writable) from descriptor `head` on, and makes it available.
    pub(crate) fn offer(&mut self, head: u16, parts: &[(u64, u32, bool)]) {
        for (index, (address, length, writable)) in (head..).zip(parts) {
            let next = if usize::from(index - head) + 1 < parts.len() { NEXT } else { 0 };
            let flags = if *writable { WRITE } else { 0 } | next;
            self.set(index, descriptor(*address, *length, flags, index + 1));
        }
        self.make_available(head);
    }

    /// Puts `head` into the available ring.
    pub(crate) fn make_available(&mut self, head: u16) {
        let slot = Self::AVAILABLE + 4 + 2 * u64::from(self.available % self.size);
        self.memory.write_obj(head, GuestAddress(slot)).unwrap();
        self.available = self.available.wrapping_add(1);
        self.set_available_index(self.available);
    }

    pub(crate) fn set_available_index(&self, index: u16) {
        self.memory.write_obj(index, GuestAddress(Self::AVAILABLE + 2)).unwrap();
    }

    pub(crate) fn set_available_flags(&self, flags: u16) {
        self.memory.write_obj(flags, GuestAddress(Self::AVAILABLE)).unwrap();
    }

    /// The device asks not to be notified.
    pub(crate) fn is_quiet(&self) -> bool {
        self.memory.read_obj::<u16>(GuestAddress(Self::USED)).unwrap() != 0
    }

    pub(crate) fn used_index(&self) -> u16 {
        self.memory.read_obj(GuestAddress(Self::USED + 2)).unwrap()
    }

    /// Used element `index`: head and length.
    pub(crate) fn used(&self, index: u16) -> (u32, u32) {
        let address = Self::USED + 4 + 8 * u64::from(index % self.size);
        let element: [u32; 2] = self.memory.read_obj(GuestAddress(address)).unwrap();
        (element[0], element[1])
    }

    pub(crate) fn fill(&self, address: u64, bytes: &[u8]) {
        self.memory.write_slice(bytes, GuestAddress(address)).unwrap();
    }

    pub(crate) fn bytes(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read_slice(&mut bytes, GuestAddress(address)).unwrap();
        bytes
    }

    /// Empties the rings, as a driver does that starts again.
    pub(crate) fn clear(memory: &TestMemory) {
        memory.write_slice(&[0; 0x3000], GuestAddress(Self::DESCRIPTORS)).unwrap();
    }

    /// Where the device may write besides the buffers that it is given.
    pub(crate) fn used_ring(&self) -> (u64, u64) {
        (Self::USED, 6 + 8 * u64::from(self.size))
    }
}
