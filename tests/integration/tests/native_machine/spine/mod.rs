//! What every board promises: the same tests, compiled once for each module that names its `SCENES`.

mod balloon;
mod boot;
mod clocks;
mod console;
mod cpus;
mod disk_errors;
mod disk_features;
mod disk_locks;
mod disks;
mod ends;
mod host;
mod interrupts;
mod lifecycle;
mod memory;
mod network;
mod pause;
mod ports;
mod queue_counts;
mod races;
mod reset;
mod scsi;
mod timeline;
mod virtio_console;
mod vsock;

use std::sync::{MutexGuard, PoisonError};

use integration::machine::TestMachine;

use super::SCENES;

/// A machine on the first scene; `None` when this host cannot run any.
fn machine(script: &str) -> Option<TestMachine> {
    SCENES[0].script(script)
}

/// The same, where a machine was made before.
fn another(script: &str) -> TestMachine {
    SCENES[0].machine(script)
}

/// Holds other tests back whose machines' memory is found among this process's mappings by its size.
fn found_in_this_process() -> MutexGuard<'static, ()> {
    crate::MAPPINGS.lock().unwrap_or_else(PoisonError::into_inner)
}
