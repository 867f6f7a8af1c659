//! Tests in an emulated machine with hardware virtualisation. One binary, so that two of them run at a time; the
//! longest comes first in the alphabet, in whose order they start.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod all_native_tests;
mod channels;
mod devices;
mod disk_buses;
mod emulated_host;
mod linux;
mod network;
mod raw_kernel;
mod scene;
