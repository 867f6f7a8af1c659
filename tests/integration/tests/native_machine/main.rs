//! The whole machine on this host's own KVM, with the bare-metal test guest: each test is one promise to a guest or to
//! the machine's owner. Those that every board keeps are in `spine/`, a module of each board.

#![allow(clippy::unwrap_used)]
#![allow(clippy::duplicate_mod, reason = "the spine is compiled for each board: its tests' names tell which")]

mod microvm;
mod network;
mod q35;
mod q35_linux64;
mod q35_pvh;
mod taps;
mod unread_console;

use std::sync::Mutex;

/// Held by tests that look for the memory of their machine in this process.
static MAPPINGS: Mutex<()> = Mutex::new(());
