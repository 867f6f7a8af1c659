//! The requests of one queue of a disk, on whatever bus: rate limit, write-through, errors by policy, statistics.
//!
//! ```text
//!            limit               host                  policy
//!  submit ─────────► in flight ────────► done ─────────────────► next (Ok, or Err to report)
//!            │ ▲         ▲                │ stop
//!            ▼ │         │ after a pause  ▼
//!          waiting       └───────────── parked ──► the machine is paused
//! ```

use super::on_error::Verdict;
use super::port::DiskPort;
use super::statistics::Kind;
use super::{BlockChannel, Operation, Submission};
use crate::worker::WorkerContext;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Requests that may be with the host at a time.
const MAX_IN_FLIGHT: usize = 128;

/// A request of a device: what identifies it to its driver, and the guest memory that it works on.
pub trait DiskJob {
    /// What the host is to do. Asked again when the request is tried again.
    ///
    /// # Errors
    /// Guest memory cannot be used any more.
    fn operation(&mut self) -> io::Result<Operation>;
    /// What it changes must survive a power failure before it is answered: a flush follows where the operation itself does
    /// not see to it.
    fn is_write_through(&self) -> bool;
}

/// A request under way.
struct Flight<J> {
    job: J,
    kind: Kind,
    /// A flush follows before it is answered.
    flush_after: bool,
    begun: Instant,
}

/// The requests of one queue.
pub struct DiskQueue<J> {
    port: Arc<DiskPort>,
    channel: Box<dyn BlockChannel>,
    /// Its number among the disk's queues.
    index: u16,
    in_flight: BTreeMap<u64, Flight<J>>,
    next_token: u64,
    /// Beyond the rate limit, in their order.
    waiting: VecDeque<J>,
    /// Failed, to be tried again after the next pause.
    parked: Vec<J>,
    /// A pause was asked for and has not come yet.
    stopping: bool,
    done: VecDeque<(J, io::Result<()>)>,
}

impl<J: DiskJob> DiskQueue<J> {
    /// Queue `index` of the disk behind `port`, with requests that were parked when its state was saved.
    ///
    /// # Errors
    /// The host has no room for it.
    pub fn new(port: Arc<DiskPort>, index: u16, parked: Vec<J>) -> io::Result<Self> {
        let channel = port.backend().channel()?;
        Ok(Self {
            port,
            channel,
            index,
            in_flight: BTreeMap::new(),
            next_token: 0,
            waiting: VecDeque::new(),
            parked,
            stopping: false,
            done: VecDeque::new(),
        })
    }

    /// Another request can be taken now. When not, there will be a turn for the handler when there is room.
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_IN_FLIGHT && self.waiting.is_empty() && !self.stopping
    }

    /// Requests that were not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.in_flight.len() + self.waiting.len() + self.parked.len() + self.done.len()
    }

    /// Nothing is under way; what is parked waits for the end of a pause.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty() && self.done.is_empty()
    }

    /// The requests that wait for the end of a pause.
    pub fn parked(&self) -> &[J] {
        &self.parked
    }

    /// All requests that were not answered.
    pub(super) fn jobs_mut(&mut self) -> impl Iterator<Item = &mut J> {
        let Self { in_flight, waiting, parked, done, .. } = self;
        let flights = in_flight.values_mut().map(|flight| &mut flight.job);
        flights.chain(waiting).chain(parked).chain(done.iter_mut().map(|(job, _)| job))
    }

    /// Takes out the requests that the host does not have, because of the rate limit or because they wait for the end of a
    /// pause, and for which `withdrawn` says so.
    pub(super) fn withdraw(&mut self, mut withdrawn: impl FnMut(&J) -> bool) -> Vec<J> {
        let (out, kept): (VecDeque<J>, _) = std::mem::take(&mut self.waiting).into_iter().partition(&mut withdrawn);
        self.waiting = kept;
        let mut out = Vec::from(out);
        out.extend(self.parked.extract_if(.., |job| withdrawn(job)));
        out
    }

    /// Begins with what could not begin before: after a pause with what is parked, and with what the rate limit kept.
    pub fn resume(&mut self, worker: &mut WorkerContext) {
        if !self.stopping {
            for job in std::mem::take(&mut self.parked) {
                self.begin(worker, job);
            }
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        while let Some(job) = waiting.pop_front() {
            self.submit(worker, job);
            if !self.waiting.is_empty() {
                self.waiting.append(&mut waiting);
            }
        }
    }

    /// Takes a request. One that comes while a pause is waited for is parked.
    pub fn submit(&mut self, worker: &mut WorkerContext, mut job: J) {
        if self.stopping {
            return self.parked.push(job);
        }
        if !self.waiting.is_empty() {
            return self.waiting.push_back(job);
        }
        let operation = match job.operation() {
            Ok(operation) => operation,
            Err(error) => return self.done.push_back((job, Err(error))),
        };
        let kind = Kind::of(&operation);
        match self.port.admit(kind.bytes(), worker.now()) {
            Ok(()) => self.give(worker, job, operation),
            Err(later) => {
                if let Some(counters) = self.port.counters(self.index) {
                    counters.throttled();
                }
                worker.wake_at(later);
                self.waiting.push_back(job);
            }
        }
    }

    /// Begins without asking for the limit.
    fn begin(&mut self, worker: &mut WorkerContext, mut job: J) {
        match job.operation() {
            Ok(operation) => self.give(worker, job, operation),
            Err(error) => self.done.push_back((job, Err(error))),
        }
    }

    fn give(&mut self, worker: &mut WorkerContext, job: J, operation: Operation) {
        let kind = Kind::of(&operation);
        let changes = matches!(operation, Operation::WriteZeroes { .. } | Operation::Write { stable: false, .. });
        let flush_after = changes && job.is_write_through();
        self.hand_over(worker, Flight { job, kind, flush_after, begun: Instant::now() }, operation);
    }

    fn hand_over(&mut self, worker: &mut WorkerContext, flight: Flight<J>, operation: Operation) {
        let token = self.next_token;
        self.next_token = token.wrapping_add(1);
        match self.channel.submit(worker, token, operation) {
            Submission::Complete(result) => self.completed(worker, flight, result),
            Submission::Pending => {
                self.in_flight.insert(token, flight);
            }
        }
    }

    fn completed(&mut self, worker: &mut WorkerContext, flight: Flight<J>, result: io::Result<()>) {
        let counters = self.port.counters(self.index);
        match result {
            Ok(()) if flight.flush_after => {
                self.hand_over(worker, Flight { flush_after: false, ..flight }, Operation::Flush);
            }
            Ok(()) => {
                if let Some(counters) = counters {
                    counters.answered(flight.kind, flight.begun.elapsed());
                }
                self.done.push_back((flight.job, Ok(())));
            }
            Err(error) => {
                if let Some(counters) = counters {
                    counters.failed();
                }
                match self.port.judge(flight.kind.name(), &error) {
                    Verdict::Report => self.done.push_back((flight.job, Err(error))),
                    Verdict::Succeed => self.done.push_back((flight.job, Ok(()))),
                    Verdict::Park => {
                        self.parked.push(flight.job);
                        if !std::mem::replace(&mut self.stopping, true) {
                            self.port.raise(&error);
                        }
                    }
                }
            }
        }
    }

    /// The next request that is to be answered, and how.
    pub fn next(&mut self, worker: &mut WorkerContext) -> Option<(J, io::Result<()>)> {
        while let Some((token, result)) = self.channel.next_completion(worker) {
            if let Some(flight) = self.in_flight.remove(&token) {
                self.completed(worker, flight, result);
            }
        }
        self.done.pop_front()
    }

    /// Finishes what is under way by `deadline`, giving what is to be answered to `answer`; `false`: not all of it.
    /// What the rate limit keeps begins at once, since a pause does not wait for it. Once it is `true`, the queue may be
    /// served by another worker, and what is parked is tried again there.
    pub fn drain(
        &mut self,
        worker: &mut WorkerContext,
        deadline: Instant,
        mut answer: impl FnMut(J, io::Result<()>),
    ) -> bool {
        self.drain_by(worker, deadline, Self::next, |(job, result)| answer(job, result))
    }

    /// As [`DiskQueue::drain`], where `next` makes of requests that are done what is to be answered, and may begin others.
    pub(super) fn drain_by<D>(
        &mut self,
        worker: &mut WorkerContext,
        deadline: Instant,
        next: impl Fn(&mut Self, &mut WorkerContext) -> Option<D>,
        mut answer: impl FnMut(D),
    ) -> bool {
        loop {
            self.hurry(worker);
            while let Some(done) = next(self, worker) {
                answer(done);
            }
            if self.is_idle() {
                self.channel.leave(worker);
                self.stopping = false;
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            // Not when nothing is with the host.
            if !self.in_flight.is_empty() {
                self.channel.wait(worker, deadline);
            }
        }
    }

    /// Begins with what the rate limit keeps.
    fn hurry(&mut self, worker: &mut WorkerContext) {
        for job in std::mem::take(&mut self.waiting) {
            self.begin(worker, job);
        }
    }
}
