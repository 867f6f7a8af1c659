//! Serves one queue: takes requests, gives them to the disk, answers.

use super::config::SERIAL_LENGTH;
use super::request::{HEADER_LENGTH, Limits, NoStatus, Request, Status};
use super::shared::Shared;
use crate::backend::block::{DiskJob, DiskPort, DiskQueue, Operation};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Requests taken in one call, so that a worker with several queues is fair to them.
const BUDGET: usize = 64;

/// What a queue must know of its device.
pub(super) struct Disk {
    pub(super) port: Arc<DiskPort>,
    pub(super) shared: Arc<Shared>,
    pub(super) serial: [u8; SERIAL_LENGTH],
    /// The negotiated feature bits.
    pub(super) features: u64,
}

/// One queue of a block device.
pub(super) struct BlockQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    requests: DiskQueue<Job<M>>,
    disk: Disk,
}

/// A request under way.
pub(super) struct Job<M: DeviceMemory> {
    chain: Chain<M::T>,
    request: Request,
    shared: Arc<Shared>,
}

impl<M: DeviceMemory> BlockQueue<M> {
    /// Serves `queue`, beginning with the requests that it had parked when the device was saved.
    ///
    /// # Errors
    /// The host has no room for it.
    pub(super) fn new(mut queue: VirtQueue<M>, disk: Disk) -> io::Result<Self> {
        let index = queue.index();
        let heads = disk.shared.parked().of(index);
        let parked = heads.into_iter().filter_map(|head| disk.job(&mut queue, head)).collect();
        Ok(Self { requests: DiskQueue::new(Arc::clone(&disk.port), index, parked)?, queue, disk })
    }
}

impl Disk {
    fn limits(&self) -> Limits {
        let backend = self.port.backend();
        Limits { capacity: backend.capacity(), readonly: backend.readonly(), features: self.features }
    }

    /// The request that begins at `head`, which was parked; a guest that has broken it since gets a broken queue.
    fn job<M: DeviceMemory>(&self, queue: &mut VirtQueue<M>, head: u16) -> Option<Job<M>> {
        let chain = queue.chain_at(head)?;
        match Request::parse(&chain, &self.limits()) {
            Ok(request) => Some(Job { chain, request, shared: Arc::clone(&self.shared) }),
            Err(status) => {
                answer(queue, chain, status);
                None
            }
        }
    }

    /// Takes one chain.
    fn take<M: DeviceMemory>(
        &self,
        queue: &mut VirtQueue<M>,
        requests: &mut DiskQueue<Job<M>>,
        worker: &mut WorkerContext,
        mut chain: Chain<M::T>,
    ) -> ControlFlow<()> {
        if chain.writable.is_empty() {
            queue.fail(&NoStatus);
            return ControlFlow::Break(());
        }
        match Request::parse(&chain, &self.limits()) {
            Ok(Request::GetId) => {
                let status = chain.writable.write(0, &self.serial).map_or(Status::IoError, |()| Status::Ok);
                answer(queue, chain, status);
            }
            Ok(request) => requests.submit(worker, Job { chain, request, shared: Arc::clone(&self.shared) }),
            Err(status) => answer(queue, chain, status),
        }
        // Without room, the next completion comes back here.
        if requests.has_room() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl<M: DeviceMemory> QueueHandler for BlockQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        let Self { queue, requests, disk } = self;
        requests.resume(worker);
        answer_done(queue, requests, worker);
        let more = requests.has_room() && queue.serve(BUDGET, |queue, chain| disk.take(queue, requests, worker, chain));
        // What the host does at once is done by now.
        answer_done(queue, requests, worker);
        queue.signal();
        more
    }

    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool {
        let Self { queue, requests, disk } = self;
        let idle = requests.drain(worker, deadline, |job, result| answer_job(queue, job, &result));
        queue.signal();
        if idle {
            disk.shared.parked().set(queue.index(), requests.parked().iter().map(|job| job.chain.head()).collect());
        }
        idle
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}

impl<M: DeviceMemory> DiskJob for Job<M> {
    fn operation(&mut self) -> io::Result<Operation> {
        let operation = match self.request {
            Request::Read { offset, length } => {
                self.chain.writable.sink(0, length).map(|into| Operation::Read { offset, into })
            }
            Request::Write { offset, length } => {
                let stable = self.shared.is_write_through();
                let from = self.chain.readable.source(HEADER_LENGTH, length);
                from.map(|from| Operation::Write { offset, from, stable })
            }
            Request::Flush | Request::GetId => Ok(Operation::Flush),
            Request::Discard { offset, length } => Ok(Operation::Discard { offset, length }),
            Request::WriteZeroes { offset, length, unmap } => Ok(Operation::WriteZeroes { offset, length, unmap }),
        };
        operation.map_err(|error: AccessError| io::Error::other(error))
    }

    fn is_write_through(&self) -> bool {
        self.shared.is_write_through()
    }
}

/// Answers everything that is done.
fn answer_done<M: DeviceMemory>(
    queue: &mut VirtQueue<M>,
    requests: &mut DiskQueue<Job<M>>,
    worker: &mut WorkerContext,
) {
    while let Some((job, result)) = requests.next(worker) {
        answer_job(queue, job, &result);
    }
}

fn answer_job<M: DeviceMemory>(queue: &mut VirtQueue<M>, job: Job<M>, result: &io::Result<()>) {
    answer(queue, job.chain, if result.is_ok() { Status::Ok } else { Status::IoError });
}

/// Writes the status, which is the last byte of the chain, and uses the chain.
///
/// The used length counts bytes written from the start of the writable part without a gap (VIRTIO 1.2 2.7.8.2), so an
/// answer whose data was not written counts nothing.
fn answer<M: DeviceMemory>(queue: &mut VirtQueue<M>, mut chain: Chain<M::T>, status: Status) {
    let data = chain.writable.len().saturating_sub(1);
    match chain.writable.write(data, &[status.byte()]) {
        Ok(()) => {
            let written = if status == Status::Ok || data == 0 { data.saturating_add(1) } else { 0 };
            queue.complete(chain, written);
        }
        Err(fault) => queue.fail(&fault),
    }
}
