//! The handlers of one device that several workers hand back.

use devices::virtio::{QueueHandler, Returned};
use std::sync::{Arc, Mutex, PoisonError};

/// Waits for the last worker, and then tells of all handlers together.
pub(super) struct Gathering(Mutex<State>);

struct State {
    /// Workers that have not answered.
    left: usize,
    handlers: Vec<Box<dyn QueueHandler>>,
    returned: Option<Returned>,
}

impl Gathering {
    /// For the answers of `workers`; when there are none, it is told at once.
    pub(super) fn new(workers: usize, returned: Returned) -> Arc<Self> {
        let gathering = Self(Mutex::new(State { left: workers, handlers: Vec::new(), returned: Some(returned) }));
        if workers == 0 {
            gathering.finish();
        }
        Arc::new(gathering)
    }

    /// One worker's answer.
    pub(super) fn add(&self, handlers: Vec<Box<dyn QueueHandler>>) {
        let left = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.handlers.extend(handlers);
            state.left = state.left.saturating_sub(1);
            state.left
        };
        if left == 0 {
            self.finish();
        }
    }

    /// Tells; no lock is held meanwhile, since that may start the handlers again.
    fn finish(&self) {
        let (handlers, returned) = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut state.handlers), state.returned.take())
        };
        if let Some(returned) = returned {
            returned(handlers);
        }
    }
}
