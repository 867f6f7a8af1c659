//! The message-signalled vectors of one function: an irqfd each, on a GSI whose message is in the routing table.
//!
//! The irqfds are connected when the group is made, so that no action of the guest needs a descriptor. Disconnecting a
//! vector is not a call to KVM: its triggers stop here, while one that KVM still delivers finds its message. So a guest
//! that masks and unmasks a vector, as Linux does at each interrupt that moves, costs nothing.

use super::Controllers;
use super::routing::{Gsi, Routing};
use devices::interrupt::{InterruptError, MsiGroup, MsiMessage};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

pub(super) struct Vector {
    gsi: Gsi,
    pub(super) event: EventFd,
    /// Triggers pass.
    connected: AtomicBool,
}

/// The vectors; dropping them frees their GSIs.
pub(super) struct KvmMsiGroup<C: Controllers> {
    routing: Arc<Routing<C>>,
    pub(super) vectors: Vec<Vector>,
    /// Held while routes change, so that what is connected is what the last change said.
    changing: Mutex<()>,
}

impl<C: Controllers> KvmMsiGroup<C> {
    pub(super) fn connect(routing: &Arc<Routing<C>>, count: u16) -> Result<Self, InterruptError> {
        let gsis = routing.allocate(count)?;
        // From here on, dropping the group frees what there is.
        let mut group = Self { routing: Arc::clone(routing), vectors: Vec::new(), changing: Mutex::default() };
        for (index, gsi) in gsis.iter().enumerate() {
            if let Err(source) = group.add(*gsi) {
                routing.free(gsis.iter().copied().skip(index));
                return Err(InterruptError::Messages(source));
            }
        }
        Ok(group)
    }

    fn add(&mut self, gsi: Gsi) -> io::Result<()> {
        let event = EventFd::new(EFD_NONBLOCK)?;
        self.routing.controllers.connect(&event, gsi.0).map_err(io::Error::other)?;
        self.vectors.push(Vector { gsi, event, connected: AtomicBool::new(false) });
        Ok(())
    }

    fn vector(&self, vector: u16) -> Result<&Vector, InterruptError> {
        let vectors = u16::try_from(self.vectors.len()).unwrap_or(u16::MAX);
        self.vectors.get(usize::from(vector)).ok_or(InterruptError::NoSuchVector { vector, vectors })
    }
}

impl<C: Controllers> MsiGroup for KvmMsiGroup<C> {
    fn route(&self, changes: &[(u16, Option<MsiMessage>)]) -> Result<(), InterruptError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = changes
            .iter()
            .map(|(vector, message)| Ok((self.vector(*vector)?, *message)))
            .collect::<Result<Vec<_>, InterruptError>>()?;
        let messages = changes.iter().filter_map(|(vector, message)| message.map(|message| (vector.gsi, message)));
        self.routing.update(messages).map_err(|error| InterruptError::Messages(io::Error::other(error)))?;
        for (vector, message) in changes {
            // Release: who sees the vector connected must find the message in place.
            vector.connected.store(message.is_some(), Ordering::Release);
        }
        Ok(())
    }

    fn trigger(&self, vector: u16) {
        if let Some(vector) = self.vectors.get(usize::from(vector))
            && vector.connected.load(Ordering::Acquire)
        {
            // It fails only when 2^64 - 2 triggers wait to be taken: then one is pending, which is all there can be.
            let _ = vector.event.write(1);
        }
    }
}

impl<C: Controllers> Drop for KvmMsiGroup<C> {
    fn drop(&mut self) {
        for vector in &self.vectors {
            if let Err(error) = self.routing.controllers.disconnect(&vector.event, vector.gsi.0) {
                tracing::warn!(gsi = vector.gsi.0, "Cannot disconnect a message-signalled interrupt: {error}");
            }
        }
        self.routing.free(self.vectors.iter().map(|vector| vector.gsi));
    }
}
