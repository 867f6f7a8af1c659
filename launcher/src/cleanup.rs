//! What must be put right on every way out of the process: by return, by error, by a panic, by a second signal.

use std::collections::BTreeMap;
use std::panic;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Action = Box<dyn FnOnce() + Send>;

/// What is to be run, in the order in which it was registered.
struct Registry(Mutex<Actions>);

struct Actions {
    next: u64,
    waiting: BTreeMap<u64, Action>,
}

/// The process's own.
static REGISTRY: Registry = Registry::new();

/// Runs its action when dropped, if nothing else has run it before.
#[must_use]
pub(crate) struct Cleanup {
    registry: &'static Registry,
    number: u64,
}

/// Has `action` run once: when the returned value is dropped, or in [`run_all`].
pub(crate) fn on_exit(action: impl FnOnce() + Send + 'static) -> Cleanup {
    REGISTRY.add(Box::new(action))
}

/// Runs what is left, the newest first, for a way out on which nothing is dropped.
pub(crate) fn run_all() {
    REGISTRY.run_all();
}

/// Puts everything right before a panic is printed: a panic may end the process without dropping anything, and its
/// text is to be readable.
pub(crate) fn install_panic_hook() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        run_all();
        print(panic);
    }));
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // Taken out first: the action runs without the lock.
        let action = self.registry.lock().waiting.remove(&self.number);
        if let Some(action) = action {
            action();
        }
    }
}

impl Registry {
    const fn new() -> Self {
        Self(Mutex::new(Actions { next: 0, waiting: BTreeMap::new() }))
    }

    fn add(&'static self, action: Action) -> Cleanup {
        let mut actions = self.lock();
        let number = actions.next;
        actions.next += 1;
        actions.waiting.insert(number, action);
        Cleanup { registry: self, number }
    }

    fn run_all(&self) {
        loop {
            let last = self.lock().waiting.pop_last();
            match last {
                Some((_, action)) => action(),
                None => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Actions> {
        // No action runs while the lock is held, so that the map is whole even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn an_action_runs_once_when_its_guard_is_dropped() {
        static REGISTRY: Registry = Registry::new();
        let (ran, runs) = channel();
        let cleanup = REGISTRY.add(Box::new(move || ran.send(()).unwrap()));
        assert!(runs.try_recv().is_err());
        drop(cleanup);
        assert_eq!(runs.iter().count(), 1);
    }

    #[test]
    fn what_ran_early_ran_newest_first_and_does_not_run_again() {
        static REGISTRY: Registry = Registry::new();
        let (ran, runs) = channel();
        let guards = [1, 2, 3].map(|number| {
            let ran = ran.clone();
            REGISTRY.add(Box::new(move || ran.send(number).unwrap()))
        });
        drop(ran);
        REGISTRY.run_all();
        drop(guards);
        assert_eq!(runs.iter().collect::<Vec<_>>(), [3, 2, 1]);
    }
}
