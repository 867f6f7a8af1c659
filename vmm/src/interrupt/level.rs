//! A level-triggered line and its owners: the pin is asserted while at least one of them asserts it.
//!
//! KVM is called only when the pin changes, under the pin's lock, so that it sees changes in their order. What the
//! guest does with the pin (masking it, acknowledging the interrupt) does not change its level: KVM interrupts again
//! for as long as it is asserted.

use super::Controllers;
use devices::interrupt::LevelLine;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the owners of one line share.
pub(super) struct Pin<C: Controllers> {
    controllers: Arc<C>,
    line: u32,
    state: Mutex<PinState>,
}

#[derive(Default)]
struct PinState {
    /// Owners that assert it.
    asserting: usize,
    /// The host refused once, which was logged.
    refused: bool,
}

impl<C: Controllers> Pin<C> {
    pub(super) fn new(controllers: Arc<C>, line: u32) -> Self {
        Self { controllers, line, state: Mutex::default() }
    }

    /// An owner whose level is `own` sets it to `asserted`.
    fn set(&self, own: &AtomicBool, asserted: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: it is only ever touched under the lock.
        if own.swap(asserted, Ordering::Relaxed) == asserted {
            return;
        }
        let before = state.asserting;
        state.asserting = if asserted { before.saturating_add(1) } else { before.saturating_sub(1) };
        if (before == 0) == (state.asserting == 0) {
            return;
        }
        if let Err(error) = self.controllers.set_level(self.line, asserted)
            && !std::mem::replace(&mut state.refused, true)
        {
            tracing::error!(line = self.line, "An interrupt line is stuck: {error}");
        }
    }
}

/// One owner's part of a pin; dropping it lowers the part.
pub(super) struct KvmLevelLine<C: Controllers> {
    pin: Arc<Pin<C>>,
    asserted: AtomicBool,
}

impl<C: Controllers> KvmLevelLine<C> {
    pub(super) fn new(pin: Arc<Pin<C>>) -> Self {
        Self { pin, asserted: AtomicBool::new(false) }
    }
}

impl<C: Controllers> LevelLine for KvmLevelLine<C> {
    fn set(&self, asserted: bool) {
        self.pin.set(&self.asserted, asserted);
    }
}

impl<C: Controllers> Drop for KvmLevelLine<C> {
    fn drop(&mut self) {
        self.set(false);
    }
}
