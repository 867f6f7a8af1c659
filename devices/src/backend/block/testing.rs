//! Disks of tests: in memory, and one whose operations complete when a test says so.
#![allow(clippy::unwrap_used)]

use super::{BlockBackend, BlockChannel, DiskError, DiskPort, OnError, Operation, RawDisk, Submission};
use crate::rate_limit::RateLimit;
use crate::worker::WorkerContext;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a disk of so many sectors holds: byte `i` is `i / 512 + i`, cut to 8 bits.
pub(crate) fn contents(sectors: u64) -> Vec<u8> {
    (0..sectors * 512).map(|index| u8::try_from((index / 512 + index) % 256).unwrap()).collect()
}

/// A file in memory with [`contents`].
pub(crate) fn file(sectors: u64) -> File {
    let file = File::from(rustix::fs::memfd_create("disk", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    file.write_all_at(&contents(sectors), 0).unwrap();
    file
}

/// A disk over a file.
pub(crate) fn raw(file: &File, readonly: bool) -> Arc<dyn BlockBackend> {
    Arc::new(RawDisk::new("disk0".into(), file.try_clone().unwrap(), readonly).unwrap())
}

/// The host's end of a disk, with nothing special about it.
pub(crate) fn port(disk: Arc<dyn BlockBackend>) -> Arc<DiskPort> {
    Arc::new(DiskPort::new("disk0".into(), disk, OnError::Report, &RateLimit::default(), 4))
}

/// A writable disk of 32 KiB, which holds no data.
#[derive(Clone, Default)]
pub(crate) struct LateDisk(Arc<Mutex<Host>>);

/// One channel to it.
struct LateChannel {
    disk: LateDisk,
    number: usize,
}

#[derive(Default)]
struct Host {
    channels: usize,
    /// Channel, token and operation, in the order in which they were submitted. They keep guest memory, as a host does.
    submitted: VecDeque<(usize, u64, Operation)>,
    completed: Vec<(usize, u64, io::Result<()>)>,
    /// Whoever waits finds everything completed.
    completes_on_wait: bool,
    waits: usize,
}

/// An operation that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Submitted {
    pub(crate) token: u64,
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
}

impl Submitted {
    fn of(token: u64, operation: &Operation) -> Self {
        let (name, bytes) = match operation {
            Operation::Read { into, .. } => ("read", into.len()),
            Operation::Write { from, stable, .. } => (if *stable { "stable write" } else { "write" }, from.len()),
            Operation::Flush => ("flush", 0),
            Operation::Discard { .. } => ("discard", 0),
            Operation::WriteZeroes { .. } => ("zero", 0),
        };
        Self { token, name, bytes }
    }
}

impl LateDisk {
    /// How many operations wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap().submitted.len()
    }

    /// What waits, in the order in which it was submitted.
    pub(crate) fn submitted(&self) -> Vec<Submitted> {
        let host = self.0.lock().unwrap();
        host.submitted.iter().map(|(_, token, operation)| Submitted::of(*token, operation)).collect()
    }

    /// Completes the operation `token` of the first channel, whether it waits or not.
    pub(crate) fn complete_token(&self, token: u64, result: io::Result<()>) {
        let mut host = self.0.lock().unwrap();
        host.submitted.retain(|(_, waiting, _)| *waiting != token);
        host.completed.push((1, token, result));
    }

    /// How often somebody has waited.
    pub(crate) fn waits(&self) -> usize {
        self.0.lock().unwrap().waits
    }

    /// Completes the operation that was submitted first.
    pub(crate) fn complete(&self, result: io::Result<()>) {
        let mut host = self.0.lock().unwrap();
        let (channel, token, _) = host.submitted.pop_front().unwrap();
        host.completed.push((channel, token, result));
    }

    /// Whoever waits from now on finds everything completed.
    pub(crate) fn complete_on_wait(&self) {
        self.0.lock().unwrap().completes_on_wait = true;
    }
}

impl BlockBackend for LateDisk {
    fn capacity(&self) -> u64 {
        64 * 512
    }

    fn refresh(&self) -> Result<u64, DiskError> {
        Ok(self.capacity())
    }

    fn readonly(&self) -> bool {
        false
    }

    fn channel(&self) -> io::Result<Box<dyn BlockChannel>> {
        let mut host = self.0.lock().unwrap();
        host.channels += 1;
        Ok(Box::new(LateChannel { disk: self.clone(), number: host.channels }))
    }

    fn lock(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn unlock(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl BlockChannel for LateChannel {
    fn submit(&mut self, _worker: &mut WorkerContext, token: u64, operation: Operation) -> Submission {
        self.disk.0.lock().unwrap().submitted.push_back((self.number, token, operation));
        Submission::Pending
    }

    fn next_completion(&mut self, _worker: &mut WorkerContext) -> Option<(u64, io::Result<()>)> {
        let completed = &mut self.disk.0.lock().unwrap().completed;
        let at = completed.iter().position(|(channel, ..)| *channel == self.number)?;
        let (_, token, result) = completed.remove(at);
        Some((token, result))
    }

    fn wait(&mut self, _worker: &mut WorkerContext, _deadline: Instant) {
        let mut host = self.disk.0.lock().unwrap();
        host.waits += 1;
        while let Some((channel, token, _)) = if host.completes_on_wait { host.submitted.pop_front() } else { None } {
            host.completed.push((channel, token, Ok(())));
        }
    }
}
