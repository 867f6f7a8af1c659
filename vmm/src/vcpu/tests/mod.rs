//! The protocol between vCPU threads and who stops them, with vCPUs that need no KVM.
#![allow(clippy::unwrap_used)]

mod exits;
mod fake;
mod holds;
mod lifecycle;
