//! A handler that has a worker to itself.

use crate::virtio::QueueHandler;
use crate::worker::WorkerContext;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

/// A handler, and what a worker lends it: it is processed without more ado.
pub(crate) struct Served<H> {
    handler: H,
    worker: WorkerContext,
}

impl<H: QueueHandler> Served<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self { handler, worker: WorkerContext::new(Instant::now()) }
    }

    pub(crate) fn process(&mut self) -> bool {
        self.handler.process(&mut self.worker)
    }

    pub(crate) fn drain(&mut self, deadline: Instant) -> bool {
        self.handler.drain(&mut self.worker, deadline)
    }
}

impl<H> Deref for Served<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handler
    }
}

impl<H> DerefMut for Served<H> {
    fn deref_mut(&mut self) -> &mut H {
        &mut self.handler
    }
}
