//! Commands of a disk bus, step by step: what SCSI and ATA commands become, and who runs their steps on a channel.
//!
//! A job is whatever its device must remember until its steps are done; it knows the buffers.

use super::{BlockChannel, Operation, Submission};
use crate::buffers::{AccessError, Readable, Writable};
use crate::worker::WorkerContext;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Deref;
use std::time::Instant;
use vm_memory::GuestMemory;

/// How many copies of a block are written at a time: each may be scattered over many ranges.
const COPIES: u32 = 128;

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
}

/// A job whose steps are done, or one that failed.
pub(crate) struct Done<J> {
    pub(crate) job: J,
    /// The step that failed, and why.
    pub(crate) result: Result<(), (Step, io::Error)>,
}

/// The jobs on one channel.
pub(crate) struct Jobs<J> {
    channel: Box<dyn BlockChannel>,
    running: BTreeMap<u64, Running<J>>,
    next_token: u64,
}

struct Running<J> {
    job: J,
    /// What the host is busy with.
    step: Step,
    /// What comes after it.
    rest: VecDeque<Step>,
}

impl<J: Job> Jobs<J> {
    /// No job yet.
    pub(crate) fn new(channel: Box<dyn BlockChannel>) -> Self {
        Self { channel, running: BTreeMap::new(), next_token: 0 }
    }

    /// Begins the `steps` of `job`; returns it when it is done at once.
    pub(crate) fn begin(&mut self, worker: &mut WorkerContext, job: J, steps: Vec<Step>) -> Option<Done<J>> {
        self.go_on(worker, job, steps.into())
    }

    /// The next job that is done.
    pub(crate) fn next_done(&mut self, worker: &mut WorkerContext) -> Option<Done<J>> {
        while let Some((token, result)) = self.channel.next_completion(worker) {
            let Some(Running { job, step, rest }) = self.running.remove(&token) else { continue };
            let done = match result {
                Ok(()) => self.go_on(worker, job, rest),
                Err(error) => Some(Done { job, result: Err((step, error)) }),
            };
            if done.is_some() {
                return done;
            }
        }
        None
    }

    fn go_on(&mut self, worker: &mut WorkerContext, mut job: J, mut rest: VecDeque<Step>) -> Option<Done<J>> {
        while let Some(step) = rest.pop_front() {
            let (step, later) = step.split();
            if let Some(later) = later {
                rest.push_front(later);
            }
            let operation = match job.operation(step) {
                Ok(operation) => operation,
                Err(error) => return Some(Done { job, result: Err((step, io::Error::other(error))) }),
            };
            let token = self.next_token;
            self.next_token = token.wrapping_add(1);
            match self.channel.submit(worker, token, operation) {
                Submission::Complete(Ok(())) => {}
                Submission::Complete(Err(error)) => return Some(Done { job, result: Err((step, error)) }),
                Submission::Pending => {
                    self.running.insert(token, Running { job, step, rest });
                    return None;
                }
            }
        }
        Some(Done { job, result: Ok(()) })
    }

    /// The jobs that the host is busy with.
    pub(crate) fn running(&mut self) -> impl Iterator<Item = &mut J> {
        self.running.values_mut().map(|running| &mut running.job)
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Blocks until there may be something done, or `deadline`.
    pub(crate) fn wait(&mut self, worker: &mut WorkerContext, deadline: Instant) {
        self.channel.wait(worker, deadline);
    }

    /// No job is running; the next call may lend another worker.
    pub(crate) fn leave(&mut self, worker: &mut WorkerContext) {
        self.channel.leave(worker);
    }
}
