//! The KVM layer, the vCPU threads and the interrupt lines against this machine's own KVM.
//!
//! The guests are a few real-mode instructions, written as bytes: on PVM hosts the host emulates them, slowly, which
//! is enough here. Where `/dev/kvm` cannot be used, each test says so and counts as skipped.
#![allow(clippy::unwrap_used)]

mod guest;
mod holds;
mod interrupts;
mod pause;
mod state;
mod string_io;
