//! The threads that move the console's bytes, and how they are ended.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How long the console's readers (a pager, a stopped terminal) can hold up the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Threads with one request to stop.
pub(super) struct Pumps {
    /// Readable for good once the threads are to end.
    stop: Arc<OwnedFd>,
    /// One clone per thread: all are gone when all threads have ended.
    alive: Option<Sender<Infallible>>,
    ended: Receiver<Infallible>,
    threads: Vec<JoinHandle<()>>,
}

impl Pumps {
    /// No thread yet.
    ///
    /// # Errors
    /// This process has no descriptor left.
    pub(super) fn new() -> Result<Self, Errno> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (alive, ended) = channel();
        Ok(Self { stop, alive: Some(alive), ended, threads: Vec::new() })
    }

    /// Starts a thread; `body` returns soon after its argument has become readable.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub(super) fn spawn(&mut self, name: &str, body: impl FnOnce(&OwnedFd) + Send + 'static) -> io::Result<()> {
        let (stop, alive) = (Arc::clone(&self.stop), self.alive.clone());
        self.threads.push(Builder::new().name(name.to_owned()).spawn(move || {
            let _alive = alive;
            body(&stop);
        })?);
        Ok(())
    }
}

impl Drop for Pumps {
    /// Ends the threads; one that is held up longer than [`PATIENCE`] is left behind.
    fn drop(&mut self) {
        // A counter of 1 cannot overflow: nothing else writes to it.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        self.alive = None;
        match self.ended.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => tracing::warn!("The console's reader is stuck: its last output is lost"),
            Ok(_) | Err(RecvTimeoutError::Disconnected) => {
                for thread in self.threads.drain(..) {
                    // A panic has been printed by its hook.
                    let _ = thread.join();
                }
            }
        }
    }
}
