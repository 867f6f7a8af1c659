//! The saved form of a machine.

#![cfg_attr(not(test), expect(dead_code, reason = "snapshots, which will use it, come with memory snapshots"))]

pub(crate) mod format;
mod saved;

pub(crate) use saved::SavedMachine;
