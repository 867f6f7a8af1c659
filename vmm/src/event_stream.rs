//! How events reach their readers: bounded, and the last one always arrives.

use crate::event::VmEvent;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Events kept for a reader that does not read.
const CAPACITY: usize = 256;

/// The events of a machine since this reader subscribed: [`crate::VmHandle::events`] gives one, as often as it is asked.
///
/// At most 256 wait; a reader that falls behind loses the newest ones, but never [`VmEvent::Stopped`]. A stream does not
/// keep its machine: when the last handle is dropped, it ends with `Stopped` too.
///
/// ```
/// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
/// # let Some((config, resources)) = tiny::machine(tiny::SAYS_HI) else { return Ok(()) };
/// use vmm::{StopReason, Vm, VmEvent};
///
/// let machine = Vm::build(config, resources)?;
/// let events = machine.events();
/// machine.start()?;
/// let seen: Vec<VmEvent> = events.iter().collect();
/// assert_eq!(seen, [VmEvent::Started, VmEvent::Stopped(StopReason::DebugExit { status: 42 })]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventStream {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<VmEvent>,
    /// The last of them is the last of all.
    complete: bool,
}

impl EventStream {
    /// The next event. `None` when `timeout` passes first, and at once after `Stopped`, which nothing follows. Without a
    /// timeout it waits for as long as it takes.
    pub fn next(&self, timeout: Option<Duration>) -> Option<VmEvent> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(event) = waiting.events.pop_front() {
                return Some(event);
            }
            if waiting.complete {
                return None;
            }
            waiting = match deadline {
                None => self.queue.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    self.queue.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Each event as it comes, up to `Stopped`.
    pub fn iter(&self) -> impl Iterator<Item = VmEvent> + '_ {
        std::iter::from_fn(|| self.next(None))
    }
}

/// The sending side.
#[derive(Debug, Default)]
pub(crate) struct EventSender {
    readers: Vec<std::sync::Weak<Queue>>,
    last: Option<VmEvent>,
}

impl EventSender {
    /// A reader of everything from now on; if the machine has stopped, of that.
    pub(crate) fn subscribe(&mut self) -> EventStream {
        let queue = Arc::new(Queue::default());
        {
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.events.extend(self.last.clone());
            waiting.complete = self.last.is_some();
        }
        self.readers.push(Arc::downgrade(&queue));
        EventStream { queue }
    }

    /// Tells all readers; readers that are gone are forgotten.
    pub(crate) fn send(&mut self, event: &VmEvent) {
        let last = matches!(event, VmEvent::Stopped(_));
        if last {
            self.last = Some(event.clone());
        }
        self.readers.retain(|reader| {
            let Some(queue) = reader.upgrade() else { return false };
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if last || waiting.events.len() < CAPACITY {
                waiting.events.push_back(event.clone());
                waiting.complete |= last;
                queue.arrived.notify_all();
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StopReason;

    const STOPPED: VmEvent = VmEvent::Stopped(StopReason::PoweredOff);

    #[test]
    fn a_slow_reader_loses_the_newest_events_but_never_the_last() {
        let mut sender = EventSender::default();
        let stream = sender.subscribe();
        sender.send(&VmEvent::Started);
        for _ in 0..CAPACITY + 10 {
            sender.send(&VmEvent::Paused);
        }
        sender.send(&STOPPED);
        let events: Vec<_> = std::iter::from_fn(|| stream.next(Some(Duration::ZERO))).collect();
        assert_eq!(events.len(), CAPACITY + 1);
        assert_eq!(events.first(), Some(&VmEvent::Started));
        assert_eq!(events.last(), Some(&STOPPED));
    }

    #[test]
    fn who_subscribes_after_the_end_is_told_of_it() {
        let mut sender = EventSender::default();
        sender.send(&STOPPED);
        assert_eq!(sender.subscribe().iter().collect::<Vec<_>>(), [STOPPED]);
    }

    #[test]
    fn nobody_waits_for_what_follows_the_end() {
        let mut sender = EventSender::default();
        let stream = sender.subscribe();
        sender.send(&VmEvent::Started);
        assert_eq!(stream.next(None), Some(VmEvent::Started));
        assert_eq!(stream.next(Some(Duration::ZERO)), None, "more may come");
        sender.send(&STOPPED);
        assert_eq!(stream.next(None), Some(STOPPED));
        assert_eq!(stream.next(None), None);
    }

    #[test]
    fn readers_that_are_gone_are_forgotten() {
        let mut sender = EventSender::default();
        drop(sender.subscribe());
        let stream = sender.subscribe();
        sender.send(&VmEvent::Paused);
        assert_eq!(sender.readers.len(), 1);
        assert_eq!(stream.next(None), Some(VmEvent::Paused));
    }
}
