//! A split queue (VIRTIO 1.2 2.7) of requests that all have the same shape, as deep as its user likes, which notifies as
//! seldom as the device allows: the queue of `virtio-drivers` notifies of everything after the event index.

use alloc::string::String;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::transport::Transport as _;
use virtio_drivers::{BufferDirection, Hal as _};

use super::{GuestHal, Transport};
use crate::clock::Timeout;
use crate::cpu::{halt, write_physical};
use crate::interrupt::Interrupt;

/// Descriptors of the queue.
const SIZE: u16 = 128;
/// Where the rings are, behind the descriptors.
const AVAILABLE: usize = 16 * SIZE as usize;
const USED: usize = 4096;
/// Of a descriptor (VIRTIO 1.2 2.7.5).
const NEXT: u16 = 1;
const WRITE: u16 = 2;

/// A buffer of a request: where, how long, whether the device writes it.
pub type Buffer = (u64, u32, bool);

/// The queue. Requests have numbers; each has its descriptors for good.
pub struct Ring {
    index: u16,
    event_idx: bool,
    memory: *mut u8,
    physical: u64,
    /// Where it is notified, if not by the transport.
    doorbell: Option<u64>,
    next: u16,
    announced: u16,
    seen: u16,
    width: u16,
    /// How often the device was notified.
    pub notifications: u64,
}

impl Ring {
    /// Queue `index`, for the requests that `requests` describes, each of as many buffers.
    ///
    /// # Errors
    /// They do not fit.
    pub fn new(
        transport: &mut Transport,
        index: u16,
        event_idx: bool,
        requests: &[Vec<Buffer>],
    ) -> Result<Self, String> {
        let width = requests.first().map_or(0, Vec::len) as u16;
        if usize::from(width) * requests.len() > usize::from(SIZE) || transport.max_queue_size(index) < u32::from(SIZE)
        {
            return Err(String::from("so many descriptors do not fit into the queue"));
        }
        let (physical, memory) = GuestHal::dma_alloc(2, BufferDirection::Both);
        let memory = memory.as_ptr();
        let doorbell = transport.doorbell(index);
        let (next, announced, seen, notifications) = (0, 0, 0, 0);
        let ring = Self { index, event_idx, memory, physical, doorbell, next, announced, seen, width, notifications };
        for (number, buffers) in requests.iter().enumerate() {
            for (place, (address, length, written)) in buffers.iter().enumerate() {
                let descriptor = number as u16 * width + place as u16;
                let more = place + 1 < buffers.len();
                let flags = if *written { WRITE } else { 0 } | if more { NEXT } else { 0 };
                let at = 16 * usize::from(descriptor);
                ring.put(at, *address);
                ring.put(at + 8, *length);
                ring.put(at + 12, flags);
                ring.put(at + 14, descriptor + 1);
            }
        }
        ring.enable(transport);
        Ok(ring)
    }

    fn enable(&self, transport: &mut Transport) {
        let Self { index, physical, .. } = *self;
        transport.queue_set(index, SIZE.into(), physical, physical + AVAILABLE as u64, physical + USED as u64);
    }

    /// Resets the queue and enables it again (VIRTIO 1.2 2.6.1): nothing is available or used any more.
    ///
    /// # Errors
    /// The device does not let go of it.
    pub fn reset(&mut self, transport: &mut Transport) -> Result<(), String> {
        transport.reset_queue(self.index)?;
        // SAFETY: inside the two pages, behind the descriptors; the device has let go of them.
        unsafe { ptr::write_bytes(self.memory.add(AVAILABLE), 0, 8192 - AVAILABLE) };
        (self.next, self.announced, self.seen) = (0, 0, 0);
        self.enable(transport);
        Ok(())
    }

    fn put<T>(&self, offset: usize, value: T) {
        // SAFETY: all offsets are inside the two pages, aligned; the device reads what is complete only.
        unsafe { ptr::write_volatile(self.memory.add(offset).cast(), value) }
    }

    fn get(&self, offset: usize) -> u16 {
        // SAFETY: as above.
        unsafe { ptr::read_volatile(self.memory.add(offset).cast()) }
    }

    /// Makes request `number` available; the device need not see it before [`Ring::announce`].
    pub fn add(&mut self, number: u16) {
        self.put(AVAILABLE + 4 + 2 * usize::from(self.next % SIZE), number * self.width);
        self.next = self.next.wrapping_add(1);
    }

    /// Shows the device what was added, and notifies it if it wants that (VIRTIO 1.2 2.7.10.1).
    pub fn announce(&mut self, transport: &mut Transport) {
        let before = core::mem::replace(&mut self.announced, self.next);
        fence(Ordering::SeqCst);
        self.put(AVAILABLE + 2, self.next);
        fence(Ordering::SeqCst);
        let wanted = if self.event_idx {
            let event = self.get(USED + 4 + 8 * usize::from(SIZE));
            self.next.wrapping_sub(event).wrapping_sub(1) < self.next.wrapping_sub(before)
        } else {
            before != self.next && self.get(USED) & 1 == 0
        };
        if wanted {
            self.notifications += 1;
            match self.doorbell {
                // SAFETY: the device's BAR is mapped, and the place is aligned for what is written there.
                Some(doorbell) => unsafe { write_physical(doorbell, self.index) },
                None => transport.notify(self.index),
            }
        }
    }

    /// A request that was used and not taken yet.
    pub fn take(&mut self) -> Option<u16> {
        fence(Ordering::SeqCst);
        if self.get(USED + 2) == self.seen {
            return None;
        }
        let head = self.get(USED + 4 + 8 * usize::from(self.seen % SIZE));
        self.seen = self.seen.wrapping_add(1);
        Some(head / self.width)
    }

    /// Asks for an interrupt at the next used request; `true` when there is one already.
    fn listen(&mut self) -> bool {
        self.put(AVAILABLE + 4 + 2 * usize::from(SIZE), self.seen);
        fence(Ordering::SeqCst);
        self.get(USED + 2) != self.seen
    }

    /// Waits until a request is used, for an interrupt or, without one, by looking; `false` when that takes too long.
    pub fn wait(&mut self, transport: &mut Transport, interrupt: Option<&Interrupt>, timeout: &Timeout) -> bool {
        let Some(interrupt) = interrupt else {
            while self.get(USED + 2) == self.seen && !timeout.passed() {
                core::hint::spin_loop();
            }
            return !timeout.passed();
        };
        while !self.listen() {
            if timeout.passed() {
                return false;
            }
            interrupt.rearm();
            halt();
            // A message of the queue's own says all.
            if interrupt.messages() == 0 {
                transport.ack_interrupt();
            }
        }
        true
    }
}
