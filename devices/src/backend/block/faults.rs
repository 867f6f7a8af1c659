//! A disk whose host fails as a test wants it to.
#![allow(clippy::unwrap_used)]

use super::{BlockBackend, BlockChannel, DiskError, Operation, RawDisk, Submission};
use crate::worker::WorkerContext;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

/// What happens to the next operations, and what those before were.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// Error numbers for the next operations, in turn; zero, or none left: they are done.
    pub(crate) fails: VecDeque<i32>,
    /// What was asked for.
    pub(crate) asked: Vec<&'static str>,
}

/// A disk over a file, with faults.
pub(crate) struct FaultyDisk {
    pub(crate) disk: RawDisk,
    pub(crate) host: Arc<Mutex<Host>>,
}

struct FaultyChannel {
    channel: Box<dyn BlockChannel>,
    host: Arc<Mutex<Host>>,
}

impl BlockBackend for FaultyDisk {
    fn capacity(&self) -> u64 {
        self.disk.capacity()
    }

    fn refresh(&self) -> Result<u64, DiskError> {
        self.disk.refresh()
    }

    fn readonly(&self) -> bool {
        self.disk.readonly()
    }

    fn channel(&self) -> io::Result<Box<dyn BlockChannel>> {
        Ok(Box::new(FaultyChannel { channel: self.disk.channel()?, host: Arc::clone(&self.host) }))
    }

    fn lock(&self) -> Result<(), DiskError> {
        self.disk.lock()
    }

    fn unlock(&self) -> Result<(), DiskError> {
        self.disk.unlock()
    }
}

impl BlockChannel for FaultyChannel {
    fn submit(&mut self, worker: &mut WorkerContext, token: u64, operation: Operation) -> Submission {
        let mut host = self.host.lock().unwrap();
        host.asked.push(match &operation {
            Operation::Read { .. } => "read",
            Operation::Write { stable: false, .. } => "write",
            Operation::Write { stable: true, .. } => "stable write",
            Operation::Flush => "flush",
            Operation::Discard { .. } => "discard",
            Operation::WriteZeroes { .. } => "zero",
        });
        match host.fails.pop_front().filter(|error| *error != 0) {
            Some(error) => Submission::Complete(Err(io::Error::from_raw_os_error(error))),
            None => self.channel.submit(worker, token, operation),
        }
    }
}
