//! Device models and their backends.
//!
//! A device sees the machine only through the traits in [`bus`], [`interrupt`] and [`virtio`], and through
//! vm-memory's `GuestMemory`; it knows no KVM, no thread and no Kubernetes. Everything a guest can write is
//! untrusted: no device panics, blocks, or allocates without bound on it.

#![deny(unsafe_code)]

pub mod acpi;
pub mod ahci;
pub mod backend;
pub mod buffers;
pub mod bus;
pub mod firmware;
pub mod ich9;
pub mod id;
pub mod interrupt;
#[allow(unsafe_code)] // the one place of this crate that may: see ARCHITECTURE.md
pub mod io;
pub mod latency;
pub mod legacy;
mod log_limit;
pub mod pci;
pub mod power;
pub mod rate_limit;
pub mod scsi;
pub mod state;
pub mod virtio;
pub mod worker;
