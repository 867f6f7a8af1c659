//! The whole machine on this host's own KVM, with the bare-metal test guest: each test is one promise to a guest or to
//! the machine's owner.

#![allow(clippy::unwrap_used)]

mod boot;
mod clocks;
mod console;
mod cpus;
mod disk_locks;
mod disks;
mod ends;
mod host;
mod interrupts;
mod lifecycle;
mod memory;
mod pause;
mod ports;
mod races;
mod reset;
mod timeline;
