//! Serves one queue: takes requests, gives them to the backend, answers.

use super::request::{Disk, HEADER_LENGTH, NoStatus, Request, Status, Verdict};
use crate::backend::block::{BlockChannel, Operation, Submission};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::time::Instant;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Requests taken in one call, so that a worker with several queues is fair to them.
const BUDGET: usize = 64;
/// Requests that may be with the host at a time.
const MAX_IN_FLIGHT: usize = 128;

/// One queue of a block device.
pub(super) struct BlockQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    requests: Requests<M>,
}

/// What the host is busy with.
struct Requests<M: DeviceMemory> {
    channel: Box<dyn BlockChannel>,
    in_flight: BTreeMap<u64, Job<M>>,
    next_token: u64,
    disk: Disk,
}

/// A request under way.
struct Job<M: DeviceMemory> {
    chain: Chain<M::T>,
    request: Request,
    /// The write is done, its flush is not.
    flushing: bool,
}

impl<M: DeviceMemory> BlockQueue<M> {
    pub(super) fn new(queue: VirtQueue<M>, channel: Box<dyn BlockChannel>, disk: Disk) -> Self {
        Self { queue, requests: Requests { channel, in_flight: BTreeMap::new(), next_token: 0, disk } }
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
        let Self { queue, requests } = self;
        queue.acknowledge();
        requests.reap(queue, worker);
        // Without room, the next completion comes back here.
        let more = requests.has_room() && queue.serve(BUDGET, |queue, chain| requests.take(queue, worker, chain));
        queue.signal();
        more
    }

    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool {
        let Self { queue, requests } = self;
        loop {
            requests.reap(queue, worker);
            queue.signal();
            if requests.in_flight.is_empty() {
                requests.channel.leave(worker);
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            requests.channel.wait(worker, deadline);
        }
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}

impl<M: DeviceMemory> Requests<M> {
    fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_IN_FLIGHT
    }

    /// Takes one chain. Breaks off when the host has enough to do, or the driver broke the queue.
    fn take(
        &mut self,
        queue: &mut VirtQueue<M>,
        worker: &mut WorkerContext,
        mut chain: Chain<M::T>,
    ) -> ControlFlow<()> {
        if chain.writable.is_empty() {
            queue.fail(&NoStatus);
            return ControlFlow::Break(());
        }
        match Request::parse(&chain, &self.disk) {
            Ok(Request::GetId) => {
                let status = chain.writable.write(0, &self.disk.serial).map_or(Status::IoError, |()| Status::Ok);
                answer(queue, chain, status);
            }
            Ok(request) => self.submit(queue, worker, Job { chain, request, flushing: false }),
            Err(status) => answer(queue, chain, status),
        }
        if self.has_room() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Gives the next operation of `job` to the backend.
    fn submit(&mut self, queue: &mut VirtQueue<M>, worker: &mut WorkerContext, mut job: Job<M>) {
        let operation = match job.operation() {
            Ok(operation) => operation,
            Err(error) => return self.advance(queue, worker, job, Err(io::Error::other(error))),
        };
        let token = self.next_token;
        self.next_token = token.wrapping_add(1);
        match self.channel.submit(worker, token, operation) {
            Submission::Complete(result) => self.advance(queue, worker, job, result),
            Submission::Pending => {
                self.in_flight.insert(token, job);
            }
        }
    }

    /// The operation of `job` is done: answers, or goes on with the next one.
    fn advance(&mut self, queue: &mut VirtQueue<M>, worker: &mut WorkerContext, job: Job<M>, result: io::Result<()>) {
        match result {
            Ok(()) if self.disk.write_through && job.is_write() && !job.flushing => {
                self.submit(queue, worker, Job { flushing: true, ..job });
            }
            Ok(()) => answer(queue, job.chain, Status::Ok),
            Err(error) => {
                if let Some(suppressed) = self.disk.log.allow() {
                    let (disk, request) = (&self.disk.id, job.request);
                    tracing::warn!(%disk, ?request, suppressed, error = &error as &dyn std::error::Error, "A disk request failed");
                }
                let Verdict::Complete(status) = self.disk.on_error.verdict(&error);
                answer(queue, job.chain, status);
            }
        }
    }

    /// Goes on with everything that the host has completed.
    fn reap(&mut self, queue: &mut VirtQueue<M>, worker: &mut WorkerContext) {
        while let Some((token, result)) = self.channel.next_completion(worker) {
            if let Some(job) = self.in_flight.remove(&token) {
                self.advance(queue, worker, job, result);
            }
        }
    }
}

impl<M: DeviceMemory> Job<M> {
    fn is_write(&self) -> bool {
        matches!(self.request, Request::Write { .. })
    }

    /// What the backend has to do now.
    fn operation(&mut self) -> Result<Operation, AccessError> {
        Ok(match self.request {
            Request::Read { offset, length } => Operation::Read { offset, into: self.chain.writable.sink(0, length)? },
            Request::Write { offset, length } if !self.flushing => {
                Operation::Write { offset, from: self.chain.readable.source(HEADER_LENGTH, length)?, stable: false }
            }
            Request::Write { .. } | Request::Flush | Request::GetId => Operation::Flush,
        })
    }
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
