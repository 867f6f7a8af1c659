//! Interrupts that only take notes.

use crate::interrupt::{EdgeLine, InterruptError, InterruptManager, IrqLine, LevelLine, MsiGroup, MsiMessage};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Level lines whose pins are the OR of their owners, and message-signalled vectors.
#[derive(Default)]
pub(crate) struct FakeInterrupts {
    pins: Mutex<BTreeMap<IrqLine, Arc<AtomicUsize>>>,
    sent: Arc<Mutex<Vec<MsiMessage>>>,
    /// The host refuses to route messages.
    pub(crate) refuses: Arc<AtomicBool>,
}

impl FakeInterrupts {
    fn pin(&self, line: IrqLine) -> Arc<AtomicUsize> {
        Arc::clone(self.pins.lock().unwrap().entry(line).or_default())
    }

    /// Whether somebody asserts the line.
    pub(crate) fn is_asserted(&self, line: IrqLine) -> bool {
        self.pin(line).load(Ordering::SeqCst) != 0
    }

    /// The data of the messages since the last call.
    pub(crate) fn messages(&self) -> Vec<u32> {
        self.sent.lock().unwrap().drain(..).map(|message| message.data).collect()
    }
}

impl InterruptManager for FakeInterrupts {
    fn edge_line(&self, IrqLine(line): IrqLine) -> Result<Arc<dyn EdgeLine>, InterruptError> {
        Err(InterruptError::Taken(line))
    }

    fn level_line(&self, line: IrqLine) -> Result<Arc<dyn LevelLine>, InterruptError> {
        Ok(Arc::new(Owner { pin: self.pin(line), asserted: AtomicBool::new(false) }))
    }

    fn msi_group(&self, vectors: u16) -> Result<Arc<dyn MsiGroup>, InterruptError> {
        let routes = Mutex::new(vec![None; usize::from(vectors)]);
        Ok(Arc::new(Group { routes, sent: Arc::clone(&self.sent), refuses: Arc::clone(&self.refuses) }))
    }
}

/// One owner's part of a pin.
struct Owner {
    /// How many assert it.
    pin: Arc<AtomicUsize>,
    asserted: AtomicBool,
}

impl LevelLine for Owner {
    fn set(&self, asserted: bool) {
        match (self.asserted.swap(asserted, Ordering::SeqCst), asserted) {
            (false, true) => drop(self.pin.fetch_add(1, Ordering::SeqCst)),
            (true, false) => drop(self.pin.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.set(false);
    }
}

struct Group {
    routes: Mutex<Vec<Option<MsiMessage>>>,
    sent: Arc<Mutex<Vec<MsiMessage>>>,
    refuses: Arc<AtomicBool>,
}

impl MsiGroup for Group {
    fn route(&self, changes: &[(u16, Option<MsiMessage>)]) -> Result<(), InterruptError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(InterruptError::NoVectors(1));
        }
        let mut routes = self.routes.lock().unwrap();
        for (vector, message) in changes {
            routes[usize::from(*vector)] = *message;
        }
        Ok(())
    }

    fn trigger(&self, vector: u16) {
        self.sent.lock().unwrap().extend(self.routes.lock().unwrap()[usize::from(vector)]);
    }
}
