//! Nested tests: the VMM under test runs in an emulated machine ("L1": QEMU's software CPU with AMD SVM, a Debian
//! kernel with kvm-amd), and starts unmodified Linux guests ("L2") there.
//!
//! L1 has one CPU: QEMU's emulation of SVM loses a machine now and then when L1 has two, whatever runs in it.

mod board;
pub(crate) mod cpio;
mod guest;
mod l1;
mod libraries;
mod linux;
pub(crate) mod modules;
mod qemu;
mod suite;

pub use board::Board;
pub use l1::{L1, Output};
pub use linux::{CMDLINE, Medium, check_complaints, compile};
pub use suite::{NATIVE_TESTS, NativeBinary, SuiteResult, native_binaries, run_native_tests};
