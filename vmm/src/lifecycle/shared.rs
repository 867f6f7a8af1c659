//! What the handle, the guest's threads and the driver share: the queue, the state, and who waits for what.

use super::request_queue::{GuestEvent, Refusal, Request, RequestQueue, Work};
use super::state::VmState;
use crate::event::{StopReason, VmEvent};
use crate::event_stream::{EventSender, EventStream};
use crate::handle::VmError;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a request is answered.
pub(crate) type Reply = Sender<Result<(), VmError>>;

/// Lock order: `inner` before `events`. Neither is held while anything else is called.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// Something was queued.
    work: Condvar,
    /// The machine has stopped.
    stopped: Condvar,
    events: Mutex<EventSender>,
}

#[derive(Debug)]
struct Inner {
    queue: RequestQueue<Reply>,
    state: VmState,
    stop_reason: Option<StopReason>,
}

impl Shared {
    /// Of a machine that was just built.
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner { queue: RequestQueue::new(), state: VmState::Built, stop_reason: None }),
            work: Condvar::new(),
            stopped: Condvar::new(),
            events: Mutex::default(),
        }
    }

    /// Queues a request and waits for its answer; `queued` is called in between.
    pub(crate) fn ask(&self, request: Request, queued: impl FnOnce()) -> Result<(), VmError> {
        let (reply, answer) = channel();
        {
            let mut inner = self.lock();
            if inner.stop_reason.is_some() {
                return if request == Request::Stop { Ok(()) } else { Err(Refusal::Stopped.into()) };
            }
            inner.queue.submit(request, reply).map_err(|(refusal, _)| refusal)?;
        }
        self.work.notify_one();
        queued();
        // The driver answers everything before it ends; if it died, so has the machine.
        answer.recv().unwrap_or(Err(VmError::DriverGone))
    }

    /// Queues what the guest of boot `boot` did.
    pub(crate) fn report(&self, boot: u64, event: GuestEvent) {
        if self.lock().queue.report(boot, event) {
            self.work.notify_one();
        }
    }

    /// Queues a pause of boot `boot`, whose answer nobody waits for.
    pub(crate) fn pause(&self, boot: u64) {
        let mut inner = self.lock();
        // It is refused when the machine is ending.
        if inner.queue.boot() == boot && inner.queue.submit(Request::Pause, channel().0).is_ok() {
            drop(inner);
            self.work.notify_one();
        }
    }

    /// Tells all readers of events.
    pub(crate) fn publish(&self, event: &VmEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).send(event);
    }

    /// A reader of events from now on.
    pub(crate) fn subscribe(&self) -> EventStream {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).subscribe()
    }

    /// Where the machine is.
    pub(crate) fn state(&self) -> VmState {
        self.lock().state
    }

    /// Waits until the machine has stopped; `None` when `timeout` passes first.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<StopReason> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inner = self.lock();
        loop {
            if let Some(reason) = &inner.stop_reason {
                return Some(reason.clone());
            }
            inner = match deadline {
                None => self.stopped.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    self.stopped.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Driver: the next thing to do.
    pub(super) fn next(&self) -> Work<Reply> {
        let mut inner = self.lock();
        loop {
            let state = inner.state;
            if let Some(work) = inner.queue.next(state) {
                return work;
            }
            inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Driver: the next thing to do, if there is one.
    pub(super) fn queued(&self) -> Option<Work<Reply>> {
        let mut inner = self.lock();
        let state = inner.state;
        inner.queue.next(state)
    }

    /// Driver: something was done, and the machine is in `state`.
    pub(super) fn settled(&self, state: VmState) {
        let mut inner = self.lock();
        inner.state = state;
        inner.queue.settled(state);
    }

    /// The number of the current boot, which its events carry.
    pub(crate) fn boot(&self) -> u64 {
        self.lock().queue.boot()
    }

    /// Driver: a new boot begins; its number.
    pub(super) fn new_boot(&self) -> u64 {
        self.lock().queue.new_boot()
    }

    /// Driver: waits for `delay`, or until a stop is asked for; `false` then.
    pub(super) fn pause_unless_stopped(&self, delay: Duration) -> bool {
        let deadline = Instant::now() + delay;
        let mut inner = self.lock();
        while !inner.queue.stop_waits() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return true };
            inner = self.work.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Driver: the machine has stopped, all its other threads have ended. Answers what is still queued.
    pub(super) fn finish(&self, reason: StopReason) {
        let mut left = Vec::new();
        {
            let mut inner = self.lock();
            inner.state = VmState::Stopped;
            inner.queue.settled(VmState::Stopped);
            while let Some(work) = inner.queue.next(VmState::Stopped) {
                left.push(work);
            }
            inner.stop_reason = Some(reason.clone());
            self.stopped.notify_all();
        }
        self.publish(&VmEvent::Stopped(reason));
        for work in left {
            // A reader that no longer waits for its answer is no error.
            match work {
                Work::Guest(_) => {}
                Work::Do(_, reply) | Work::Confirm(reply) => drop(reply.send(Ok(()))),
                Work::Deny(refusal, reply) => drop(reply.send(Err(refusal.into()))),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
