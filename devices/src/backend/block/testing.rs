//! A disk whose operations complete when a test says so.
#![allow(clippy::unwrap_used)]

use super::{BlockBackend, BlockChannel, DiskError, Operation, Submission};
use crate::worker::WorkerContext;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

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
}

impl LateDisk {
    /// How many operations wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap().submitted.len()
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
        while let Some((channel, token, _)) = if host.completes_on_wait { host.submitted.pop_front() } else { None } {
            host.completed.push((channel, token, Ok(())));
        }
    }
}
