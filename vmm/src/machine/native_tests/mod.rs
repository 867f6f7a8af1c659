//! What only the inside of a machine can show, on real KVM with the test guest.
#![allow(clippy::unwrap_used)]

mod firmware;
mod memory_slots;
mod rig;
mod save_restore;
mod wire;
