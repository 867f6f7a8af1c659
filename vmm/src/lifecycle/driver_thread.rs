//! The driver's thread, which it has from the first request on.

use super::driver::Driver;
use crate::handle::VmError;
use crate::thread::{ThreadRole, Threads};
use std::fmt;
use std::io;
use std::sync::mpsc::{SendError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Where the driver is.
enum Place {
    /// Nobody has asked it for anything.
    Idle(Box<Driver>, Threads),
    /// In its thread.
    Thread(JoinHandle<io::Result<()>>),
    /// It has ended.
    Gone,
}

/// A driver, with a thread or still without.
pub(crate) struct DriverThread(Mutex<Place>);

impl fmt::Debug for DriverThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DriverThread")
    }
}

impl DriverThread {
    /// For a driver whose thread is to be one of `threads`.
    pub(crate) fn new(driver: Driver, threads: Threads) -> Self {
        Self(Mutex::new(Place::Idle(Box::new(driver), threads)))
    }

    /// Something was asked of the driver. The first time it is done here and the thread made then: to wait until a thread
    /// comes up would take longer than a start itself. A machine that no thread can drive has crashed.
    pub(crate) fn attend(&self) {
        let mut place = self.place();
        let (mut driver, threads) = match std::mem::replace(&mut *place, Place::Gone) {
            Place::Idle(driver, threads) => (driver, threads),
            other => return *place = other,
        };
        if driver.do_first() {
            return;
        }
        let (hand_over, handed_over) = channel::<Box<Driver>>();
        let body = move || handed_over.recv().map_or((), |driver| driver.run());
        match threads.spawn(ThreadRole::Driver, body) {
            Ok(thread) => {
                *place = Place::Thread(thread);
                // The sandbox has kept the thread from running.
                if let Err(SendError(driver)) = hand_over.send(driver) {
                    driver.give_up(&VmError::DriverGone);
                }
            }
            Err(error) => driver.give_up(&VmError::Thread(error)),
        }
    }

    /// The machine has stopped: waits for the thread to end.
    pub(crate) fn join(&self) {
        let place = std::mem::replace(&mut *self.place(), Place::Gone);
        if let Place::Thread(thread) = place
            && thread.join().is_err()
        {
            tracing::error!("The machine's driver thread panicked: this is a fault of the program, please report it");
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
