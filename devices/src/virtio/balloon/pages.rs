//! inflateq and deflateq: lists of pages (VIRTIO 1.2 5.5.6).

use super::discard::{DiscardError, Discarder, PAGE};
use super::port::BalloonPort;
use crate::buffers::{AccessError, Readable};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Lists served in one call, so that others get their turn.
const BUDGET: usize = 4;
/// Pages in a list: Linux puts 256 into one.
const MAX_PAGES: usize = 1024;
/// Bytes of a page's number.
const NUMBER: usize = 4;

/// How a driver broke its queue.
#[derive(Debug, Error)]
enum PagesFault {
    #[error("A list of {0} bytes is not 1 to {MAX_PAGES} page numbers of {NUMBER} bytes")]
    Length(u32),
    #[error("A list of pages cannot be read")]
    Memory(#[from] AccessError),
    #[error("A page cannot be given back")]
    Page(#[from] DiscardError),
}

/// What becomes of the pages.
pub(super) enum Direction {
    /// They go to the host.
    Inflate(Arc<Discarder>),
    /// The guest uses them again: nothing is to be done, they come back when it touches them.
    Deflate,
}

/// One of the two queues.
pub(super) struct PageQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    direction: Direction,
    port: Arc<BalloonPort>,
}

impl<M: DeviceMemory> PageQueue<M> {
    pub(super) fn new(queue: VirtQueue<M>, direction: Direction, port: Arc<BalloonPort>) -> Self {
        Self { queue, direction, port }
    }
}

/// Gives the pages of a list back, neighbours together, each once; how many bytes the host has taken.
fn inflate<T>(list: &Readable<T>, discarder: &Discarder) -> Result<u64, PagesFault>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let length = usize::try_from(list.len()).unwrap_or(usize::MAX);
    if length == 0 || !length.is_multiple_of(NUMBER) || length > MAX_PAGES * NUMBER {
        return Err(PagesFault::Length(list.len()));
    }
    let mut bytes = vec![0; length];
    list.read(0, &mut bytes)?;
    let mut numbers: Vec<u32> =
        bytes.as_chunks::<NUMBER>().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut taken = 0;
    for run in numbers.chunk_by(|page, next| page.checked_add(1) == Some(*next)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        taken += discarder.discard(u64::from(*first) * PAGE..(u64::from(*last) + 1) * PAGE)?;
    }
    Ok(taken)
}

impl<M: DeviceMemory> QueueHandler for PageQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, direction, port } = self;
        queue.serve_at_once(BUDGET, |chain| {
            if let Direction::Inflate(discarder) = direction {
                port.count_inflated(inflate(&chain.readable, discarder)?);
            }
            Ok::<_, PagesFault>(0)
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
