//! What machines take of their process and its host: descriptors, threads, CPUs, huge pages. A binary of its own, whose
//! tests run one at a time.

#![allow(clippy::unwrap_used)]

mod huge_pages;
mod hundred;
mod placement;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test that runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with all its causes.
fn chain(error: vmm::VmError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
