//! Commands of a disk bus, step by step: what SCSI and ATA commands become, and who runs their steps on a disk.
//!
//! A job is whatever its device must remember until its steps are done; it knows the buffers.

use super::{DiskJob, DiskPort, DiskQueue, Operation};
use crate::buffers::{AccessError, Readable, Writable};
use crate::worker::WorkerContext;
use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm_memory::GuestMemory;

/// How many copies of a block are written at a time: each may be scattered over many ranges.
const COPIES: u32 = 128;
/// How long a change of medium waits at a time for reads of the old one.
const PATIENCE: Duration = Duration::from_secs(1);

/// One operation on a disk, without its buffer. Offsets and lengths are in bytes, `at` is a position in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The disk's bytes go into the data.
    Read { offset: u64, at: u32, length: u32 },
    /// The data goes to the disk, to stay when it is `stable`.
    Write { offset: u64, at: u32, length: u32, stable: bool },
    /// The data is one block, which is written `count` times.
    Repeat { offset: u64, block: u32, count: u32 },
    /// What was written stays.
    Flush,
    /// The bytes are not needed any more.
    Discard { offset: u64, length: u64 },
    /// Zeros from now on.
    Zero { offset: u64, length: u64, unmap: bool },
}

impl Step {
    /// As much of the step as is done at a time, and the rest.
    fn split(self) -> (Self, Option<Self>) {
        match self {
            Self::Repeat { offset, block, count } if count > COPIES => {
                let next = offset + u64::from(block) * u64::from(COPIES);
                let rest = Self::Repeat { offset: next, block, count: count - COPIES };
                (Self::Repeat { offset, block, count: COPIES }, Some(rest))
            }
            whole => (whole, None),
        }
    }

    /// How much data the step takes into memory and out of it.
    pub(crate) fn data(&self) -> (u32, u32) {
        match *self {
            Self::Read { at, length, .. } => (at.saturating_add(length), 0),
            Self::Write { at, length, .. } => (0, at.saturating_add(length)),
            Self::Repeat { block, .. } => (0, block),
            Self::Flush | Self::Discard { .. } | Self::Zero { .. } => (0, 0),
        }
    }

    /// The operation, with data that begins at `from` of `readable`, or at `into` of `writable`.
    ///
    /// # Errors
    /// There is less, or guest memory refuses.
    pub(crate) fn operation<T>(
        self,
        (readable, from): (&Readable<T>, u32),
        (writable, into): (&mut Writable<T>, u32),
    ) -> Result<Operation, AccessError>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        Ok(match self {
            Self::Read { offset, at, length } => {
                Operation::Read { offset, into: writable.sink(into.saturating_add(at), length)? }
            }
            Self::Write { offset, at, length, stable } => {
                Operation::Write { offset, from: readable.source(from.saturating_add(at), length)?, stable }
            }
            Self::Repeat { offset, block, count } => {
                Operation::Write { offset, from: readable.repeated(from, block, count)?, stable: false }
            }
            Self::Flush => Operation::Flush,
            Self::Discard { offset, length } => Operation::Discard { offset, length },
            Self::Zero { offset, length, unmap } => Operation::WriteZeroes { offset, length, unmap },
        })
    }
}

/// What a device remembers of a command under way.
pub(crate) trait Job {
    /// The operation of one of its steps.
    ///
    /// # Errors
    /// Its buffers cannot be used.
    fn operation(&mut self, step: Step) -> Result<Operation, AccessError>;
    /// What it changes must survive a power failure before it is answered.
    fn is_write_through(&self) -> bool;
}

/// A job whose steps are done, or one that failed.
pub(crate) struct Done<J> {
    pub(crate) job: J,
    /// The step that failed, and why.
    pub(crate) result: Result<(), (Step, io::Error)>,
}

/// The jobs of one queue of a device on one disk, by the disk's policies.
pub(crate) struct Jobs<J> {
    queue: DiskQueue<Stepping<J>>,
}

/// A job at one of its steps.
struct Stepping<J> {
    job: J,
    step: Step,
    /// What comes after it.
    rest: VecDeque<Step>,
}

impl<J> Stepping<J> {
    /// A job at the first of `steps`; itself when there is none.
    fn new(job: J, mut steps: VecDeque<Step>) -> Result<Self, J> {
        let Some(step) = steps.pop_front() else { return Err(job) };
        let (step, later) = step.split();
        if let Some(later) = later {
            steps.push_front(later);
        }
        Ok(Self { job, step, rest: steps })
    }
}

impl<J: Job> DiskJob for Stepping<J> {
    fn operation(&mut self) -> io::Result<Operation> {
        self.job.operation(self.step).map_err(io::Error::other)
    }

    fn is_write_through(&self) -> bool {
        self.job.is_write_through()
    }
}

impl<J: Job> Jobs<J> {
    /// No job yet, of queue `index` of the disk behind `port`.
    ///
    /// # Errors
    /// The host has no room for it.
    pub(crate) fn new(port: Arc<DiskPort>, index: u16) -> io::Result<Self> {
        Ok(Self { queue: DiskQueue::new(port, index, Vec::new())? })
    }

    /// Begins the `steps` of `job`, of which there is at least one; [`Jobs::next_done`] tells of its end.
    pub(crate) fn begin(&mut self, worker: &mut WorkerContext, job: J, steps: Vec<Step>) {
        if let Ok(stepping) = Stepping::new(job, steps.into()) {
            self.queue.submit(worker, stepping);
        }
    }

    /// Begins with what could not begin before: at each turn.
    pub(crate) fn resume(&mut self, worker: &mut WorkerContext) {
        self.queue.resume(worker);
    }

    /// The next job that is done.
    pub(crate) fn next_done(&mut self, worker: &mut WorkerContext) -> Option<Done<J>> {
        next_done(&mut self.queue, worker)
    }

    /// The jobs that are not over.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut J> {
        self.queue.jobs_mut().map(|stepping| &mut stepping.job)
    }

    /// The jobs that wait for the end of a pause.
    pub(crate) fn parked(&self) -> impl Iterator<Item = &J> {
        self.queue.parked().iter().map(|stepping| &stepping.job)
    }

    /// How many are not over.
    pub(crate) fn len(&self) -> usize {
        self.queue.unanswered()
    }

    /// Takes out the jobs that the host does not have now and for which `withdrawn` says so.
    pub(crate) fn withdraw(&mut self, mut withdrawn: impl FnMut(&J) -> bool) -> Vec<J> {
        let out = self.queue.withdraw(|stepping| withdrawn(&stepping.job));
        out.into_iter().map(|stepping| stepping.job).collect()
    }

    /// Finishes what is under way by `deadline`, giving it to `answer`; `false`: not all of it. Once it is `true`, the
    /// next call may lend another worker, and what is parked is tried again then.
    pub(crate) fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant, answer: impl FnMut(Done<J>)) -> bool {
        self.queue.drain_by(worker, deadline, next_done, answer)
    }

    /// Ends everything, because the medium is no longer there; what waits for a pause fails.
    pub(crate) fn abandon(mut self, worker: &mut WorkerContext) -> Vec<Done<J>> {
        let mut ended = Vec::new();
        while !self.drain(worker, Instant::now() + PATIENCE, |done| ended.push(done)) {}
        ended.extend(self.queue.withdraw(|_| true).into_iter().map(|Stepping { job, step, .. }| {
            let error = io::Error::new(io::ErrorKind::NotFound, "the medium is no longer there");
            Done { job, result: Err((step, error)) }
        }));
        ended
    }
}

/// The next job of `queue` that is done; those that are not go to their next step.
fn next_done<J: Job>(queue: &mut DiskQueue<Stepping<J>>, worker: &mut WorkerContext) -> Option<Done<J>> {
    while let Some((Stepping { job, step, rest }, result)) = queue.next(worker) {
        if let Err(error) = result {
            return Some(Done { job, result: Err((step, error)) });
        }
        match Stepping::new(job, rest) {
            Ok(next) => queue.submit(worker, next),
            Err(job) => return Some(Done { job, result: Ok(()) }),
        }
    }
    None
}
