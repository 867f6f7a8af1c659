//! Who may be in KVM_RUN: the gate that every vCPU passes before it enters the guest.
//!
//! ```text
//!  vCPU                                        who wants it out
//!  1 immediate_exit = 0                        1 request = hold / pause / halt
//!  2 in_guest = 1                              2 in_guest? kick: immediate_exit = 1, signal
//!  3 request? in_guest = 0, wait at the gate   3 wait until in_guest = 0
//!  4 KVM_RUN
//!  5 in_guest = 0; request? wake who waits
//! ```
//!
//! All of it is sequentially consistent, so of the vCPU's 2-3 and the other's 1-2 at least one sees the other: either
//! the vCPU stops at the gate, or it is kicked. The kick comes after the vCPU's 1, so it is not lost: KVM_RUN returns
//! at once when it had not begun. A vCPU that handles an exit is not in the guest, wherever its thread stands, and
//! nobody waits for it but a pause.
//!
//! Without a request, an exit costs two stores and two loads, and no lock.

use super::run::Kick;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

const HOLD: u8 = 1;
const PAUSE: u8 = 2;
const HALT: u8 = 4;

/// Why a vCPU wants into KVM_RUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To run the guest.
    Run,
    /// To complete half-done I/O on the way to a pause; the guest does not run.
    Complete,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Into KVM_RUN; [`Gate::leave`] must follow.
    Open,
    /// A pause is wanted.
    Pause,
    /// The end.
    Halt,
}

struct Place {
    in_guest: AtomicBool,
    kick: Arc<dyn Kick>,
}

struct State {
    holds: u32,
    pause: bool,
    halted: bool,
    /// vCPUs that are paused or have finished.
    stopped: usize,
}

/// The gate of one set of vCPUs.
pub(super) struct Gate {
    /// HOLD, PAUSE and HALT as `state` has them. Written with the lock held, read without.
    request: AtomicU8,
    places: OnceLock<Box<[Place]>>,
    state: Mutex<State>,
    /// A vCPU left the guest, or stopped.
    stopped: Condvar,
    /// A request has gone, or the end has come.
    opened: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            request: AtomicU8::new(PAUSE),
            places: OnceLock::new(),
            state: Mutex::new(State { holds: 0, pause: true, halted: false, stopped: 0 }),
            stopped: Condvar::new(),
            opened: Condvar::new(),
        }
    }
}

impl Gate {
    /// Gives the gate its vCPUs, once.
    pub(super) fn admit(&self, kicks: Vec<Arc<dyn Kick>>) -> Result<(), ()> {
        let places = kicks.into_iter().map(|kick| Place { in_guest: AtomicBool::new(false), kick }).collect();
        self.places.set(places).map_err(|_| ())
    }

    /// Lets vCPU `index` into KVM_RUN as soon as nothing speaks against it, and sets its immediate_exit by `purpose`.
    pub(super) fn enter(&self, index: usize, purpose: Purpose) -> Passage {
        let Some(place) = self.places().get(index) else { return Passage::Halt };
        let heeded = match purpose {
            Purpose::Run => HOLD | PAUSE | HALT,
            Purpose::Complete => HOLD | HALT,
        };
        loop {
            place.kick.set_immediate_exit(purpose == Purpose::Complete);
            place.in_guest.store(true, SeqCst);
            if self.request.load(SeqCst) & heeded == 0 {
                return Passage::Open;
            }
            place.in_guest.store(false, SeqCst);
            let mut state = self.lock();
            self.stopped.notify_all();
            while state.holds > 0 && !state.halted {
                state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.halted {
                return Passage::Halt;
            }
            if state.pause && purpose == Purpose::Run {
                return Passage::Pause;
            }
        }
    }

    /// vCPU `index` has returned from KVM_RUN.
    pub(super) fn leave(&self, index: usize) {
        if let Some(place) = self.places().get(index) {
            place.in_guest.store(false, SeqCst);
        }
        if self.request.load(SeqCst) != 0 {
            // Whoever waits has the lock from its look at `in_guest` until it sleeps: this wakes it for certain.
            drop(self.lock());
            self.stopped.notify_all();
        }
    }

    /// The calling vCPU stands still until it may run again (`true`) or has come to its end (`false`).
    pub(super) fn park(&self) -> bool {
        let mut state = self.lock();
        state.stopped += 1;
        self.stopped.notify_all();
        while state.pause && !state.halted {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stopped -= 1;
        !state.halted
    }

    /// The calling vCPU will not come again.
    pub(super) fn finish(&self) {
        self.lock().stopped += 1;
        self.stopped.notify_all();
    }

    /// Keeps all vCPUs out of KVM_RUN, and returns when none is in it, until as many calls of [`Gate::release`].
    pub(super) fn hold(&self) {
        let mut state = self.lock();
        state.holds += 1;
        self.publish(&state);
        self.kick_all();
        while self.places().iter().any(|place| place.in_guest.load(SeqCst)) {
            state = self.stopped.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Undoes one [`Gate::hold`].
    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_sub(1);
        self.publish(&state);
        self.opened.notify_all();
    }

    /// Waits until all vCPUs are paused or have finished.
    pub(super) fn pause(&self) {
        let count = self.places().len();
        let mut state = self.lock();
        state.pause = true;
        self.publish(&state);
        self.kick_all();
        while state.stopped < count {
            state = self.stopped.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends a pause.
    pub(super) fn resume(&self) {
        let mut state = self.lock();
        state.pause = false;
        self.publish(&state);
        self.opened.notify_all();
    }

    /// The end for all vCPUs.
    pub(super) fn halt(&self) {
        let mut state = self.lock();
        state.halted = true;
        self.publish(&state);
        self.kick_all();
        self.opened.notify_all();
    }

    /// Kicks those that are in the guest, after `publish`. Once is enough: no other vCPU comes in.
    fn kick_all(&self) {
        for place in self.places().iter().filter(|place| place.in_guest.load(SeqCst)) {
            place.kick.kick();
        }
    }

    fn publish(&self, state: &State) {
        let bit = |on, bit| if on { bit } else { 0 };
        self.request.store(bit(state.holds > 0, HOLD) | bit(state.pause, PAUSE) | bit(state.halted, HALT), SeqCst);
    }

    fn places(&self) -> &[Place] {
        self.places.get().map_or(&[], |places| places)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
