//! Which lines have owners, and of which kind.

use super::Controllers;
use super::level::Pin;
use crate::kvm::PINS;
use devices::interrupt::InterruptError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Lines that no device can have: the PIT's, and the one over which the second PIC reaches the first.
const RESERVED: [u32; 2] = [0, 2];

enum Owner<C: Controllers> {
    /// One edge-triggered device, or the controllers themselves.
    Edge,
    /// Level-triggered devices, as long as there are any.
    Level(Weak<Pin<C>>),
}

/// The lines that have an owner.
pub(super) struct Lines<C: Controllers>(Mutex<BTreeMap<u32, Owner<C>>>);

impl<C: Controllers> Default for Lines<C> {
    fn default() -> Self {
        Self(Mutex::new(RESERVED.map(|line| (line, Owner::Edge)).into()))
    }
}

impl<C: Controllers> Lines<C> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Owner<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `line` to an edge-triggered owner.
    pub(super) fn take(&self, line: u32) -> Result<(), InterruptError> {
        check(line)?;
        let mut lines = self.lock();
        match lines.get(&line) {
            Some(Owner::Edge) => return Err(InterruptError::Taken(line)),
            Some(Owner::Level(pin)) if pin.strong_count() > 0 => return Err(InterruptError::Taken(line)),
            Some(Owner::Level(_)) | None => {}
        }
        lines.insert(line, Owner::Edge);
        Ok(())
    }

    /// The edge-triggered owner of `line` is gone.
    pub(super) fn free(&self, line: u32) {
        self.lock().remove(&line);
    }

    /// The pin that the level-triggered owners of `line` share.
    pub(super) fn share(&self, controllers: &Arc<C>, line: u32) -> Result<Arc<Pin<C>>, InterruptError> {
        check(line)?;
        let mut lines = self.lock();
        match lines.get(&line) {
            Some(Owner::Edge) => return Err(InterruptError::Taken(line)),
            Some(Owner::Level(pin)) => {
                if let Some(pin) = pin.upgrade() {
                    return Ok(pin);
                }
            }
            None => {}
        }
        let pin = Arc::new(Pin::new(Arc::clone(controllers), line));
        lines.insert(line, Owner::Level(Arc::downgrade(&pin)));
        Ok(pin)
    }
}

fn check(line: u32) -> Result<(), InterruptError> {
    if line < PINS { Ok(()) } else { Err(InterruptError::NoSuchLine { line, last: PINS - 1 }) }
}
