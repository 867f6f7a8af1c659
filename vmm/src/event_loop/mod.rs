//! The event-loop thread: serial input, console output, and other slow, shared work. One for a machine; it lives as
//! long as the machine, across its resets.

mod console;
mod input;
mod output;

pub(crate) use console::Console;

use crate::thread::{ThreadRole, Threads};
use event_manager::{EventManager, MutEventSubscriber, RemoteEndpoint, SubscriberOps};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use thiserror::Error;

/// Whatever the loop serves.
type Subscriber = Box<dyn MutEventSubscriber + Send>;

/// Why the event loop, or something on it, cannot run.
#[derive(Debug, Error)]
pub(crate) enum EventLoopError {
    /// The host refused the loop's own descriptors, or has no room for one more.
    #[error("The event loop cannot watch its descriptors")]
    Events(#[source] event_manager::Error),
    /// The host has no room for the thread or for a descriptor, or the sandbox keeps the thread from running.
    #[error("The event loop cannot run: raise the limits of processes and open files (`ulimit -u`, `-n`)")]
    Host(#[source] io::Error),
    /// A fault of this program; its message stands in the log.
    #[error("The event-loop thread has panicked")]
    Panicked,
}

impl From<event_manager::Error> for EventLoopError {
    fn from(source: event_manager::Error) -> Self {
        Self::Events(source)
    }
}

/// Runs the event loop; dropping it stops it.
pub(crate) struct EventLoop {
    endpoint: RemoteEndpoint<Subscriber>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Result<(), event_manager::Error>>>>,
}

impl EventLoop {
    /// Starts the thread, which serves `subscriber`; does not wait for it.
    ///
    /// # Errors
    /// The host has no room for it.
    pub(crate) fn start(
        threads: &Threads,
        subscriber: impl MutEventSubscriber + Send + 'static,
    ) -> Result<Self, EventLoopError> {
        let mut manager = EventManager::<Subscriber>::new()?;
        manager.add_subscriber(Box::new(subscriber));
        let endpoint = manager.remote_endpoint();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let body = move || {
            while !stop.load(Ordering::Acquire) {
                manager.run()?;
            }
            Ok(())
        };
        let thread = threads.spawn(ThreadRole::EventLoop, body).map_err(EventLoopError::Host)?;
        Ok(Self { endpoint, stopping, thread: Some(thread) })
    }

    /// Lets the loop serve `subscriber`, too, from now on; returns when it does.
    ///
    /// # Errors
    /// The loop does not run.
    #[cfg(test)]
    pub(crate) fn add(&self, subscriber: impl MutEventSubscriber + Send + 'static) -> Result<(), EventLoopError> {
        let subscriber: Subscriber = Box::new(subscriber);
        self.endpoint.call_blocking(move |subscribers| {
            subscribers.add_subscriber(subscriber);
            Ok::<_, event_manager::Error>(())
        })?;
        Ok(())
    }

    /// Ends the thread and drops what it served, as dropping the loop does, which logs the error.
    ///
    /// # Errors
    /// It has not run until now: the sandbox, the host or a panic stopped it.
    #[cfg(test)]
    pub(crate) fn stop(mut self) -> Result<(), EventLoopError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), EventLoopError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.stopping.store(true, Ordering::Release);
        // The descriptor is the loop's own and not full, so that this cannot fail while the loop runs.
        let kicked = self.endpoint.kick();
        thread.join().map_err(|_| EventLoopError::Panicked)?.map_err(EventLoopError::Host)??;
        Ok(kicked?)
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(error = &error as &dyn std::error::Error, "The event loop did not end well");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
