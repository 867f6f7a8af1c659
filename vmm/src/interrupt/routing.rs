//! Which message each vector sends: the part of KVM's routing table that is not the lines'.

use super::Controllers;
use crate::kvm::{KvmError, MAX_MESSAGES, PINS};
use devices::interrupt::{InterruptError, MsiMessage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A message-signalled vector's number in KVM's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gsi(pub(super) u32);

/// The GSIs that belong to a group, with the message of those that were ever connected.
type Table = BTreeMap<Gsi, Option<MsiMessage>>;

/// The table, and where it goes.
pub(super) struct Routing<C: Controllers> {
    pub(super) controllers: Arc<C>,
    table: Mutex<Table>,
}

impl<C: Controllers> Routing<C> {
    pub(super) fn new(controllers: Arc<C>) -> Self {
        Self { controllers, table: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Allocates the lowest `count` GSIs that are free: the same for every start of the same machine.
    pub(super) fn allocate(&self, count: u16) -> Result<Vec<Gsi>, InterruptError> {
        let mut table = self.lock();
        let free = (PINS..PINS + MAX_MESSAGES).map(Gsi).filter(|gsi| !table.contains_key(gsi));
        let gsis: Vec<_> = free.take(count.into()).collect();
        if gsis.len() < usize::from(count) {
            return Err(InterruptError::NoVectors(count));
        }
        table.extend(gsis.iter().map(|gsi| (*gsi, None)));
        Ok(gsis)
    }

    /// Frees what [`Routing::allocate`] gave. KVM forgets the messages with the next update: nothing triggers them.
    pub(super) fn free(&self, gsis: impl IntoIterator<Item = Gsi>) {
        let mut table = self.lock();
        for gsi in gsis {
            table.remove(&gsi);
        }
    }

    /// Lets GSIs send other messages, by one update at most; when that fails, nothing has changed.
    pub(super) fn update(&self, changes: impl IntoIterator<Item = (Gsi, MsiMessage)>) -> Result<(), KvmError> {
        let mut table = self.lock();
        let mut new = table.clone();
        new.extend(changes.into_iter().map(|(gsi, message)| (gsi, Some(message))));
        if new != *table {
            let messages: Vec<_> =
                new.iter().filter_map(|(gsi, message)| message.map(|message| (gsi.0, message))).collect();
            self.controllers.set_messages(&messages)?;
            *table = new;
        }
        Ok(())
    }
}
