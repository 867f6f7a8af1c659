//! statsq: what the guest says of its memory (VIRTIO 1.2 5.5.6.3).
//!
//! The driver's buffer lies in the queue with the statistics of its last answer. Giving it back asks for new ones, which
//! come in the same buffer.

use super::port::BalloonPort;
use crate::buffers::{AccessError, Readable};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Bytes of one statistic: a tag of 2 bytes and a value of 8.
const ENTRY: usize = 10;
/// Entries that are looked at: there are 10 tags.
const MAX_ENTRIES: usize = 32;

/// What the guest told; what it did not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestStatistics {
    /// Bytes read from swap.
    pub swap_in: Option<u64>,
    /// Bytes written to swap.
    pub swap_out: Option<u64>,
    /// Page faults with I/O.
    pub major_faults: Option<u64>,
    /// Page faults without.
    pub minor_faults: Option<u64>,
    /// Bytes that nothing uses.
    pub free: Option<u64>,
    /// Bytes in all.
    pub total: Option<u64>,
    /// Bytes that programs could have without swapping.
    pub available: Option<u64>,
    /// Bytes that could be had back from disk caches.
    pub disk_caches: Option<u64>,
    /// Huge pages that were allocated.
    pub huge_allocated: Option<u64>,
    /// Huge pages that were not to be had.
    pub huge_failed: Option<u64>,
}

impl GuestStatistics {
    /// Reads entries; unknown tags are passed over, and a part of an entry at the end.
    fn from_bytes(bytes: &[u8]) -> Self {
        let mut all = Self::default();
        for [low, high, value @ ..] in bytes.as_chunks::<ENTRY>().0 {
            let place = match u16::from_le_bytes([*low, *high]) {
                0 => &mut all.swap_in,
                1 => &mut all.swap_out,
                2 => &mut all.major_faults,
                3 => &mut all.minor_faults,
                4 => &mut all.free,
                5 => &mut all.total,
                6 => &mut all.available,
                7 => &mut all.disk_caches,
                8 => &mut all.huge_allocated,
                9 => &mut all.huge_failed,
                _ => continue,
            };
            *place = Some(u64::from_le_bytes(*value));
        }
        all
    }
}

/// The driver broke its statistics queue.
#[derive(Debug, Error)]
#[error("Statistics cannot be read")]
struct StatisticsFault(#[from] AccessError);

/// The statistics queue.
pub(super) struct Statistics<M: DeviceMemory> {
    queue: VirtQueue<M>,
    port: Arc<BalloonPort>,
    requests: Arc<OwnedFd>,
    interval: Option<Duration>,
    /// When the guest is asked next.
    due: Option<Instant>,
    /// What lies in the queue has been read.
    seen: bool,
}

impl<M: DeviceMemory> Statistics<M> {
    pub(super) fn new(queue: VirtQueue<M>, port: Arc<BalloonPort>, interval: Option<Duration>) -> Self {
        let requests = port.requests();
        Self { queue, port, requests, interval, due: None, seen: false }
    }

    /// Looks at what the driver has put into the queue, and leaves it there.
    fn look(&mut self) {
        if self.seen || !self.queue.has_chain() {
            return;
        }
        let Some(chain) = self.queue.pop() else { return };
        match read(&chain.readable) {
            Ok(statistics) => {
                self.port.publish(statistics);
                self.queue.put_back(vec![chain]);
                self.seen = true;
            }
            Err(fault) => self.queue.fail(&fault),
        }
    }

    /// Gives the buffer back, by which the driver is asked.
    fn ask(&mut self) {
        if self.seen
            && let Some(chain) = self.queue.pop()
        {
            self.seen = false;
            self.queue.complete(chain, 0);
            self.queue.signal();
        }
    }
}

fn read<T>(readable: &Readable<T>) -> Result<GuestStatistics, StatisticsFault>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let length = usize::try_from(readable.len()).unwrap_or(usize::MAX).min(ENTRY * MAX_ENTRIES);
    let mut bytes = vec![0; length];
    readable.read(0, &mut bytes)?;
    Ok(GuestStatistics::from_bytes(&bytes))
}

impl<M: DeviceMemory> QueueHandler for Statistics<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        Some(self.requests.as_fd())
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        self.look();
        let is_due = self.due.is_some_and(|due| due <= worker.now());
        if self.seen && (is_due || self.port.take_request()) {
            self.ask();
            self.due = None;
            // It may have answered at once.
            self.look();
        }
        if let Some(interval) = self.interval {
            worker.wake_at(*self.due.get_or_insert(worker.now() + interval));
        }
        false
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
