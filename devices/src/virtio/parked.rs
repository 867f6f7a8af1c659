//! Requests that wait for the end of a pause, as the state of a device has them: the heads of their chains, by queue.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Written when queues are drained, read when a copy begins.
#[derive(Debug, Default)]
pub(super) struct ParkedHeads(Mutex<BTreeMap<u16, Vec<u16>>>);

impl ParkedHeads {
    /// Those of a saved device.
    pub(super) fn new(saved: impl IntoIterator<Item = (u16, Vec<u16>)>) -> Self {
        Self(Mutex::new(saved.into_iter().collect()))
    }

    /// What queue `index` has parked, from now on.
    pub(super) fn set(&self, index: u16, heads: Vec<u16>) {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.is_empty() {
            parked.remove(&index);
        } else {
            parked.insert(index, heads);
        }
    }

    /// What queue `index` had parked when the device was saved.
    pub(super) fn of(&self, index: u16) -> Vec<u16> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned().unwrap_or_default()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<(u16, Vec<u16>)> {
        let parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parked.iter().map(|(index, heads)| (*index, heads.clone())).collect()
    }

    /// The device was reset.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
