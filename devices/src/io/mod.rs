//! The system calls that need `unsafe`: I/O between files and guest memory, whole-file locks, TAP interfaces.
//!
//! Guest memory changes under our feet, so no Rust reference to it ever exists: the kernel gets raw ranges, which are
//! made here from vm-memory's slices and keep the mapping alive for as long as they exist. Which bytes a device may
//! touch at all is decided by who checked a driver's ranges; [`crate::buffers`] is the only maker of [`Source`] and
//! [`Sink`].

mod lock;
mod segments;
pub(crate) mod tap;
mod vectored;
mod zeroes;

pub(crate) use lock::{FileLock, set_lock};
pub use segments::{Sink, Source};
pub(crate) use vectored::{read_exact_at, write_all_at};
pub(crate) use zeroes::{discard_at, write_zeroes_at};

#[cfg(test)]
mod tests;
