//! How events reach their readers: bounded, and the last one always arrives.

use crate::event::VmEvent;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Events kept for a reader that does not read.
const CAPACITY: usize = 256;

/// The events of a machine since this reader subscribed.
///
/// At most 256 wait; a reader that falls behind loses the newest ones, but never [`VmEvent::Stopped`].
#[derive(Debug)]
pub struct EventStream {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: Mutex<VecDeque<VmEvent>>,
    arrived: Condvar,
}

impl EventStream {
    /// The next event; `None` when `timeout` passes first. Without a timeout it waits for as long as it takes, so
    /// not after `Stopped`: nothing follows it.
    pub fn next(&self, timeout: Option<Duration>) -> Option<VmEvent> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut events = self.queue.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(event) = events.pop_front() {
                return Some(event);
            }
            events = match deadline {
                None => self.queue.arrived.wait(events).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    self.queue.arrived.wait_timeout(events, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
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
        queue.events.lock().unwrap_or_else(PoisonError::into_inner).extend(self.last.clone());
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
            let mut events = queue.events.lock().unwrap_or_else(PoisonError::into_inner);
            if last || events.len() < CAPACITY {
                events.push_back(event.clone());
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
        assert_eq!(sender.subscribe().next(None), Some(STOPPED));
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
