//! Worker threads: who serves the virtio queues.
//!
//! ```text
//!  start, stop ── command, event ──► worker thread ── one epoll set ──► notifications and completions
//!  (any thread, never blocks)          │ owns the handlers of its devices, gives each one turn a round
//!                                      └ stop: drains, and hands the handlers back as values
//! ```
//!
//! The threads are made with the machine, not when a guest first enables a queue: no thread comes from one that runs
//! guest-driven code, and a lack of threads or descriptors is an error of the build. An idle worker sleeps without a
//! timeout, unless a handler has asked for a turn at some time (a rate limit).

mod command;
mod thread;

#[cfg(test)]
mod tests;

use crate::thread::{ThreadRole, Threads};
use command::{Command, Commands};
use devices::id::DeviceId;
use devices::virtio::{QueueHandler, QueueWorkers, Returned};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use thiserror::Error;
use thread::WorkerThread;

/// Which worker serves a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The one that all shared devices have together.
    Shared,
    /// One of its own.
    Dedicated,
}

/// No thread or descriptor for a worker.
#[derive(Debug, Error)]
#[error("Cannot start the worker thread {name}: raise the limits of processes and open files (`ulimit -u`, `-n`)")]
pub(crate) struct WorkerError {
    name: String,
    #[source]
    source: io::Error,
}

/// The machine's workers. Dropping them ends and joins their threads.
pub(crate) struct Workers {
    commands: Vec<Commands>,
    /// Which of `commands` serves a device.
    places: HashMap<DeviceId, usize>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
}

impl Workers {
    /// Makes the workers that `placements` ask for. Devices that are not listed are never served.
    ///
    /// # Errors
    /// The host has no thread or descriptor left.
    pub(crate) fn new(threads: &Threads, placements: &[(DeviceId, Placement)]) -> Result<Self, WorkerError> {
        let mut workers = Self { commands: Vec::new(), places: HashMap::new(), threads: Mutex::default() };
        let mut shared = None;
        for (device, placement) in placements {
            let place = match (placement, shared) {
                (Placement::Shared, Some(place)) => place,
                (Placement::Shared, None) => *shared.insert(workers.add(threads, "shared")?),
                (Placement::Dedicated, _) => workers.add(threads, device.as_str())?,
            };
            workers.places.insert(device.clone(), place);
        }
        Ok(workers)
    }

    fn add(&mut self, threads: &Threads, name: &str) -> Result<usize, WorkerError> {
        let failed = |source| WorkerError { name: name.to_owned(), source };
        let (commands, receiver) = Commands::new().map_err(failed)?;
        let body = WorkerThread::new(receiver).map_err(failed)?;
        let thread = threads.spawn(ThreadRole::Worker(name.to_owned()), move || body.main()).map_err(failed)?;
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        self.commands.push(commands);
        Ok(self.commands.len() - 1)
    }

    /// Ends the threads and waits for them. Handlers that were not stopped finish what is in flight and are dropped.
    pub(crate) fn join(&self) {
        for commands in &self.commands {
            commands.send(Command::End);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A callback may hold the last reference to the workers, and drop them in a worker's own thread. That
            // thread is on its way out.
            if thread.thread().id() == std::thread::current().id() {
                continue;
            }
            let name = thread.thread().name().unwrap_or_default().to_owned();
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(name, "The sandbox refused a worker thread: {error}"),
                Err(_) => tracing::error!(name, "A worker thread panicked: its queues were not served any more"),
            }
        }
    }

    fn commands(&self, device: &DeviceId) -> Option<&Commands> {
        self.commands.get(*self.places.get(device)?)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.join();
    }
}

impl QueueWorkers for Workers {
    fn start(&self, device: &DeviceId, handlers: Vec<Box<dyn QueueHandler>>) {
        match self.commands(device) {
            Some(commands) => commands.send(Command::Start { device: device.clone(), handlers }),
            None => tracing::error!(%device, "A device without a worker: its queues are not served"),
        }
    }

    fn stop(&self, device: &DeviceId, returned: Returned) {
        match self.commands(device) {
            Some(commands) => commands.send(Command::Stop { device: device.clone(), returned }),
            None => returned(Vec::new()),
        }
    }
}
