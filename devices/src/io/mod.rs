//! The system calls that need `unsafe`: I/O between files and guest memory, at once or by io_uring, whole-file locks, TAP
//! interfaces, vhost.
//!
//! Guest memory changes under our feet, so no Rust reference to it ever exists: the kernel gets raw ranges, which are
//! made here from vm-memory's slices and keep the mapping alive for as long as they exist. Which bytes a device may
//! touch at all is decided by who checked a driver's ranges; [`crate::buffers`] is the only maker of [`Source`] and
//! [`Sink`].

mod bounce;
mod direct;
mod lock;
pub(crate) mod ring;
mod segments;
pub(crate) mod tap;
mod transfer;
pub(crate) mod vhost;
mod work;
mod zeroes;

pub(crate) use direct::DirectIo;
pub(crate) use lock::{FileLock, set_lock};
pub use segments::{Sink, Source};
pub(crate) use transfer::Transfer;
pub(crate) use work::Work;

#[cfg(test)]
mod tests;
