//! What a worker lends to the handler whose turn it is: the time, and a ring for what completes later.
//!
//! A handler moves between workers, so it keeps nothing of this: it is given the context at each turn. The ring is made
//! when the first disk's queue of the worker has something to do; a worker without disks never has one.

use crate::io::ring::Ring;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How the workers of a machine do their disks' I/O. Shared by all of them, and by who wants to know.
#[derive(Debug, Default)]
pub struct RingUse {
    made: AtomicU64,
    refused: AtomicU64,
}

impl RingUse {
    /// Rings that were made.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Workers that wanted a ring and were refused one by the host: they read and write by system calls.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn count(&self, made: io::Result<Ring>) -> Place {
        match made {
            Ok(ring) => {
                self.made.fetch_add(1, Ordering::Relaxed);
                Place::Made(Box::new(ring))
            }
            Err(error) => {
                // Every worker of the machine will be told the same.
                if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!("io_uring is refused, disks are read and written by system calls: {error}");
                }
                Place::Refused
            }
        }
    }
}

/// Where the ring is.
enum Place {
    /// Nobody has needed it yet.
    Unmade(Arc<RingUse>),
    Made(Box<Ring>),
    /// There will be none.
    Refused,
}

/// Belongs to a worker's thread.
pub struct WorkerContext {
    now: Instant,
    wake: Option<Instant>,
    handler: u64,
    ring: Place,
}

impl fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerContext").field("now", &self.now).field("handler", &self.handler).finish_non_exhaustive()
    }
}

impl WorkerContext {
    /// Of a worker without a ring that begins its work at `now`.
    pub fn new(now: Instant) -> Self {
        Self { now, wake: None, handler: 0, ring: Place::Refused }
    }

    /// Of a worker that begins its work at `now`, and makes a ring when it needs one.
    pub fn with_ring(now: Instant, rings: Arc<RingUse>) -> Self {
        Self { now, wake: None, handler: 0, ring: Place::Unmade(rings) }
    }

    /// The worker begins a round of turns.
    pub fn begin_round(&mut self, now: Instant) {
        self.now = now;
    }

    /// The next turn is that of the handler which the worker knows as `handler`.
    pub fn begin_turn(&mut self, handler: u64) {
        self.handler = handler;
    }

    /// When this round of turns began.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The handler wants another turn at `time`, besides those that its notification and its completion bring. Asked
    /// again at each turn, the earliest time counts.
    pub fn wake_at(&mut self, time: Instant) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// When the handler whose turn has ended wants the next one.
    pub fn take_wake(&mut self) -> Option<Instant> {
        self.wake.take()
    }

    /// The round is over: tells the host at once of everything that was submitted. `false`: another round must come soon,
    /// because the host did not take all of it, or something is done already.
    pub fn end_round(&mut self) -> bool {
        self.made_ring().is_none_or(|ring| ring.flush() && !ring.has_done())
    }

    /// The host has done something that nobody was told of.
    pub fn has_completions(&mut self) -> bool {
        self.made_ring().is_some_and(Ring::has_completions)
    }

    /// What becomes readable when the host has done something; `None`: there is no ring yet.
    pub fn completion(&self) -> Option<BorrowedFd<'_>> {
        match &self.ring {
            Place::Made(ring) => Some(ring.descriptor()),
            Place::Unmade(_) | Place::Refused => None,
        }
    }

    /// The handlers for which something was done since the last call: they want a turn.
    pub fn collect(&mut self) -> BTreeSet<u64> {
        self.made_ring().map(Ring::collect).unwrap_or_default()
    }

    /// The handler whose turn it is.
    pub(crate) fn handler(&self) -> u64 {
        self.handler
    }

    /// The ring, made now if need be; `None`: the host refuses.
    pub(crate) fn ring(&mut self) -> Option<&mut Ring> {
        if let Place::Unmade(rings) = &self.ring {
            self.ring = rings.count(Ring::new());
        }
        self.made_ring()
    }

    /// The ring, if there is one.
    pub(crate) fn made_ring(&mut self) -> Option<&mut Ring> {
        match &mut self.ring {
            Place::Made(ring) => Some(ring),
            Place::Unmade(_) | Place::Refused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn of_several_wishes_the_earliest_counts_once() {
        let start = Instant::now();
        let mut context = WorkerContext::new(start);
        assert_eq!((context.now(), context.take_wake()), (start, None));
        for seconds in [3, 1, 2] {
            context.wake_at(start + Duration::from_secs(seconds));
        }
        assert_eq!(context.take_wake(), Some(start + Duration::from_secs(1)));
        assert_eq!(context.take_wake(), None);
    }

    #[test]
    fn a_refused_ring_is_counted_and_not_asked_for_again() {
        let rings = Arc::new(RingUse::default());
        let mut context = WorkerContext::with_ring(Instant::now(), Arc::clone(&rings));
        assert!(context.completion().is_none() && context.collect().is_empty() && context.end_round());
        assert_eq!((rings.made(), rings.refused()), (0, 0), "nobody has needed one");
        context.ring = rings.count(Err(io::ErrorKind::PermissionDenied.into()));
        assert!(context.ring().is_none() && context.ring().is_none());
        assert_eq!((rings.made(), rings.refused()), (0, 1));
    }

    #[test]
    fn a_ring_is_made_once() {
        let rings = Arc::new(RingUse::default());
        let mut context = WorkerContext::with_ring(Instant::now(), Arc::clone(&rings));
        let made = context.ring().is_some();
        assert_eq!((made, context.completion().is_some()), (context.ring().is_some(), made));
        assert_eq!((rings.made(), rings.refused()), (u64::from(made), u64::from(!made)));
    }
}
