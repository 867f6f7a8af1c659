//! One worker's thread.
//!
//! Its ring, once there is one, is one more descriptor in the epoll set; which handlers its completions are for, the ring
//! knows.

use super::command::{Command, CommandQueue};
use devices::id::DeviceId;
use devices::virtio::{QueueHandler, QueueUse, QueueUses, Returned};
use devices::worker::WorkerContext;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

/// How long a handler may take to finish what is in flight before that is worth a warning.
const DRAIN: Duration = Duration::from_secs(5);
/// The command event's key in the epoll set. A handler has two: twice its number for notifications, and one more for
/// completions; numbers begin at 1.
const COMMANDS: u64 = 0;
/// The ring's key.
const RING: u64 = 1;
/// How soon another round follows one that left something behind, in milliseconds.
const RETRY: i32 = 1;

struct Served {
    device: DeviceId,
    handler: Box<dyn QueueHandler>,
    counters: Arc<QueueUse>,
}

/// What a worker's thread works with.
pub(super) struct WorkerThread {
    epoll: Epoll,
    commands: CommandQueue,
    served: BTreeMap<u64, Served>,
    /// Handlers that wait for their turn.
    ready: BTreeSet<u64>,
    next: u64,
    /// When a handler wants a turn, whatever happens.
    wakes: BTreeMap<u64, Instant>,
    context: WorkerContext,
    uses: Arc<QueueUses>,
    ring_is_watched: bool,
    /// The last round left nothing behind.
    complete: bool,
}

impl WorkerThread {
    /// A worker that serves nothing yet.
    pub(super) fn new(commands: CommandQueue, context: WorkerContext, uses: Arc<QueueUses>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.ctl(ControlOperation::Add, commands.descriptor(), EpollEvent::new(EventSet::IN, COMMANDS))?;
        Ok(Self {
            epoll,
            commands,
            served: BTreeMap::new(),
            ready: BTreeSet::new(),
            next: 1,
            wakes: BTreeMap::new(),
            context,
            uses,
            ring_is_watched: false,
            complete: true,
        })
    }

    /// Serves until it is told to end.
    pub(super) fn main(mut self) {
        let mut events = [EpollEvent::default(); 32];
        loop {
            let count = match self.epoll.wait(self.timeout(), &mut events) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!("A worker cannot wait for its queues and ends: {error}");
                    break;
                }
            };
            let mut told = false;
            for event in events.iter().take(count) {
                match event.data() {
                    COMMANDS => told = true,
                    RING => {} // it is asked anyway
                    key => self.notified(key),
                }
            }
            if told && !self.obey() {
                break;
            }
            self.round();
            if self.context.has_completions() {
                // What the host did at once is answered at once; but then it is the turn of what else has come.
                self.round();
            }
            self.watch_ring();
        }
        self.give_up();
    }

    /// How long to sleep, in milliseconds: not at all while there is work, until the next handler wants a turn, else for
    /// as long as it takes.
    fn timeout(&self) -> i32 {
        if !self.ready.is_empty() {
            return 0;
        }
        if !self.complete {
            return RETRY;
        }
        let Some(wake) = self.wakes.values().min() else { return -1 };
        let left = wake.saturating_duration_since(Instant::now());
        // Rounded up: who wakes too early has to sleep again.
        i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    }

    /// A handler's notification or completion came.
    fn notified(&mut self, key: u64) {
        let number = key / 2;
        if let Some(served) = self.served.get(&number) {
            if key.is_multiple_of(2) {
                // Lowered before the queue is looked at, so that a later notification raises it again.
                served.counters.notified(served.handler.notification().read().unwrap_or(0));
            }
            self.ready.insert(number);
        }
    }

    /// One turn for each handler that waits; those with more to do wait for the next round.
    fn round(&mut self) {
        let now = Instant::now();
        self.context.begin_round(now);
        self.ready.extend(self.context.collect());
        self.ready.extend(self.wakes.iter().filter(|(_, wake)| **wake <= now).map(|(number, _)| *number));
        for number in std::mem::take(&mut self.ready) {
            let Some(served) = self.served.get_mut(&number) else { continue };
            self.context.begin_turn(number);
            if served.handler.process(&mut self.context) {
                self.ready.insert(number);
            }
            match self.context.take_wake() {
                Some(wake) => self.wakes.insert(number, wake),
                None => self.wakes.remove(&number),
            };
        }
        self.complete = self.context.end_round();
    }

    /// The ring wakes the worker from now on, if there is one by now.
    fn watch_ring(&mut self) {
        let Some(ring) = self.context.completion().filter(|_| !self.ring_is_watched) else { return };
        let watched = self.epoll.ctl(ControlOperation::Add, ring.as_raw_fd(), EpollEvent::new(EventSet::IN, RING));
        if let Err(error) = watched {
            tracing::error!("Cannot watch a worker's ring, its disks' requests wait: {error}");
        }
        self.ring_is_watched = true;
    }

    /// Takes the commands that have come; `false` at the end.
    fn obey(&mut self) -> bool {
        self.commands.acknowledge();
        while let Some(command) = self.commands.next() {
            match command {
                Command::Start { device, handlers } => {
                    for handler in handlers {
                        self.start(device.clone(), handler);
                    }
                }
                Command::Stop { device, returned } => self.stop(&device, returned),
                Command::End => return false,
            }
        }
        true
    }

    fn start(&mut self, device: DeviceId, handler: Box<dyn QueueHandler>) {
        let number = self.next;
        self.next += 1;
        for (descriptor, event) in sources(number, handler.as_ref()) {
            if let Err(error) = self.epoll.ctl(ControlOperation::Add, descriptor, event) {
                let queue = handler.index();
                tracing::error!(%device, queue, "Cannot watch a queue, its requests wait: {error}");
            }
        }
        let counters = self.uses.of(&device, handler.index());
        self.served.insert(number, Served { device, handler, counters });
        self.ready.insert(number);
    }

    fn stop(&mut self, device: &DeviceId, returned: Returned) {
        let (stopped, served) =
            std::mem::take(&mut self.served).into_iter().partition(|(_, served)| served.device == *device);
        self.served = served;
        let stopped: BTreeMap<_, Served> = stopped;
        let mut handlers = Vec::with_capacity(stopped.len());
        for (number, Served { mut handler, .. }) in stopped {
            self.ready.remove(&number);
            self.wakes.remove(&number);
            for (descriptor, _) in sources(number, handler.as_ref()) {
                // It fails only for what could not be added, which was reported then.
                let _ = self.epoll.ctl(ControlOperation::Delete, descriptor, EpollEvent::default());
            }
            while !handler.drain(&mut self.context, Instant::now() + DRAIN) {
                let queue = handler.index();
                tracing::warn!(%device, queue, "Requests are still in flight; the host's storage may hang");
            }
            handlers.push(handler);
        }
        returned(handlers);
    }

    /// The end: what is in flight is finished, if it can be.
    fn give_up(mut self) {
        let deadline = Instant::now() + DRAIN;
        for mut served in self.served.into_values() {
            if !served.handler.drain(&mut self.context, deadline) {
                let (device, queue) = (served.device, served.handler.index());
                tracing::warn!(%device, queue, "Requests are given up in flight");
            }
        }
    }
}

/// What a handler waits for, with its keys in the epoll set. A completion counts by its edges: a network may have
/// frames that a guest gives no buffers for, and who waits for buffers must not spin.
fn sources(number: u64, handler: &dyn QueueHandler) -> impl Iterator<Item = (RawFd, EpollEvent)> {
    let notification = (handler.notification().as_raw_fd(), EpollEvent::new(EventSet::IN, number * 2));
    let edges = EpollEvent::new(EventSet::IN | EventSet::EDGE_TRIGGERED, number * 2 + 1);
    let completion = handler.completion().map(|descriptor| (descriptor.as_raw_fd(), edges));
    std::iter::once(notification).chain(completion)
}
