//! Worker threads: who serves the virtio queues.
//!
//! ```text
//!  start, stop ── command, event ──► worker thread ── one epoll set ──► notifications and completions
//!  (any thread, never blocks)          │ owns the handlers of its devices, gives each one turn a round
//!                                      └ stop: drains, and hands the handlers back as values
//! ```
//!
//! The threads are made when the machine first runs, by the thread that drives it and not when a guest enables a queue: no
//! thread comes from one that runs guest-driven code. What a worker is given before waits for it. An idle worker sleeps
//! without a timeout, unless a handler has asked for a turn at some time (a rate limit).

mod command;
mod gathering;
mod thread;

#[cfg(test)]
mod tests;

use crate::config::{IoThreadsConfig, IoThreadsPolicy};
use crate::thread::{ThreadRole, Threads};
use command::{Command, Commands};
use devices::id::DeviceId;
use devices::virtio::{QueueHandler, QueueUse, QueueUses, QueueWorkers, Returned};
use devices::worker::{RingUse, WorkerContext};
use gathering::Gathering;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use thiserror::Error;
use thread::WorkerThread;

/// Which worker serves a device, as far as its kind decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The one that all shared devices have together.
    Shared,
    /// It is busy, and its queues work on the same things: one of its own, or of a pool's.
    Dedicated,
    /// As `Dedicated`, but its queues need nothing of each other: a pool's workers share them.
    Spread,
}

/// No thread or descriptor for a worker.
#[derive(Debug, Error)]
#[error("Cannot start the worker thread {name}: raise the limits of processes and open files (`ulimit -u`, `-n`)")]
pub(crate) struct WorkerError {
    name: String,
    #[source]
    source: io::Error,
}

/// A worker, as those see it who give it something to serve.
struct Worker {
    commands: Commands,
    /// Queues that it serves.
    load: Arc<AtomicUsize>,
}

/// The machine's workers. Dropping them ends and joins their threads.
pub(crate) struct Workers {
    workers: Vec<Worker>,
    /// Which of them serve a device: each queue goes to the one with the least to serve, so that queues move when they are
    /// started again, after a pause.
    places: HashMap<DeviceId, Vec<usize>>,
    uses: Arc<QueueUses>,
    threads: Threads,
    hands: Mutex<Hands>,
}

/// Those who work, and who will.
#[derive(Default)]
struct Hands {
    waiting: Vec<(String, WorkerThread)>,
    running: Vec<JoinHandle<io::Result<()>>>,
}

impl Workers {
    /// The workers that `placements` ask for, by the policy of `config`; their rings are counted in `rings`, what they serve
    /// in `uses`. Devices that are not listed are never served. Nothing is served before [`Workers::run`].
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub(crate) fn new(
        threads: &Threads,
        placements: &[(DeviceId, Placement)],
        config: &IoThreadsConfig,
        rings: &Arc<RingUse>,
        uses: &Arc<QueueUses>,
    ) -> Result<Self, WorkerError> {
        let rings = config.io_uring.then_some(rings);
        let mut workers = Self {
            workers: Vec::new(),
            places: HashMap::new(),
            uses: Arc::clone(uses),
            threads: threads.clone(),
            hands: Mutex::default(),
        };
        let mut shared = None;
        let mut pool = Vec::new();
        for (device, placement) in placements {
            let places = match (placement, config.policy) {
                (Placement::Dedicated | Placement::Spread, IoThreadsPolicy::Auto) => {
                    vec![workers.add(device.as_str(), rings)?]
                }
                (Placement::Dedicated | Placement::Spread, IoThreadsPolicy::Pool) => {
                    for number in pool.len()..usize::from(config.count.unwrap_or(1)) {
                        pool.push(workers.add(&format!("pool{number}"), rings)?);
                    }
                    let most = if *placement == Placement::Spread { pool.len() } else { 1 };
                    let places = pool.iter().copied().take(most).collect();
                    // The next device begins with the next one.
                    pool.rotate_left(1);
                    places
                }
                (Placement::Shared, _) | (_, IoThreadsPolicy::Shared) => vec![match shared {
                    Some(place) => place,
                    None => *shared.insert(workers.add("shared", rings)?),
                }],
            };
            workers.places.insert(device.clone(), places);
        }
        Ok(workers)
    }

    fn add(&mut self, name: &str, rings: Option<&Arc<RingUse>>) -> Result<usize, WorkerError> {
        let failed = |source| WorkerError { name: name.to_owned(), source };
        let (commands, receiver) = Commands::new().map_err(failed)?;
        let now = Instant::now();
        let context = match rings {
            Some(rings) => WorkerContext::with_ring(now, Arc::clone(rings)),
            None => WorkerContext::new(now),
        };
        let body = WorkerThread::new(receiver, context, Arc::clone(&self.uses)).map_err(failed)?;
        self.hands.get_mut().unwrap_or_else(PoisonError::into_inner).waiting.push((name.to_owned(), body));
        self.workers.push(Worker { commands, load: Arc::default() });
        Ok(self.workers.len() - 1)
    }

    /// Makes the threads, of those that have none.
    ///
    /// # Errors
    /// The host has no room for a thread: its worker, and those after it, will never serve what they are given.
    pub(crate) fn run(&self) -> Result<(), WorkerError> {
        let Hands { waiting, running } = &mut *self.hands();
        for (name, body) in waiting.drain(..) {
            match self.threads.spawn(ThreadRole::Worker(name.clone()), move || body.main()) {
                Ok(thread) => running.push(thread),
                Err(source) => return Err(WorkerError { name, source }),
            }
        }
        Ok(())
    }

    /// Ends the threads and waits for them. Handlers that were not stopped finish what is in flight and are dropped.
    pub(crate) fn join(&self) {
        for worker in &self.workers {
            worker.commands.send(Command::End);
        }
        let Hands { waiting, running } = std::mem::take(&mut *self.hands());
        drop(waiting);
        for thread in running {
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

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workers that may serve `device`.
    fn of(&self, device: &DeviceId) -> Vec<&Worker> {
        let places = self.places.get(device).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.workers.get(*place)).collect()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.join();
    }
}

impl QueueWorkers for Workers {
    fn start(&self, device: &DeviceId, handlers: Vec<Box<dyn QueueHandler>>) {
        let mut shares: Vec<_> = self.of(device).into_iter().map(|worker| (worker, Vec::new())).collect();
        for handler in handlers {
            let Some((worker, share)) = shares.iter_mut().min_by_key(|(worker, _)| worker.load.load(Ordering::Relaxed))
            else {
                tracing::error!(%device, "A device without a worker: its queues are not served");
                return;
            };
            worker.load.fetch_add(1, Ordering::Relaxed);
            share.push(handler);
        }
        for (worker, handlers) in shares.into_iter().filter(|(_, handlers)| !handlers.is_empty()) {
            worker.commands.send(Command::Start { device: device.clone(), handlers });
        }
    }

    fn counters(&self, device: &DeviceId, index: u16) -> Arc<QueueUse> {
        self.uses.of(device, index)
    }

    fn stop(&self, device: &DeviceId, returned: Returned) {
        let workers = self.of(device);
        let gathering = Gathering::new(workers.len(), returned);
        for Worker { commands, load } in workers {
            let (gathering, load) = (Arc::clone(&gathering), Arc::clone(load));
            let share: Returned = Box::new(move |handlers| {
                load.fetch_sub(handlers.len(), Ordering::Relaxed);
                gathering.add(handlers);
            });
            commands.send(Command::Stop { device: device.clone(), returned: share });
        }
    }
}
