//! Nested tests: the VMM under test runs in an emulated machine ("L1": QEMU's software CPU with AMD SVM, a Debian
//! kernel with kvm-amd), and starts unmodified Linux guests ("L2") there.
//!
//! L1 has one CPU: QEMU's emulation of SVM loses a machine now and then when L1 has two, whatever runs in it. And QEMU is
//! started with a library that mends its `cpu_interrupt()` (`programs/cpu_interrupt.c`), on which OVMF would end it.

mod board;
mod boot_disk;
mod compile;
mod complaints;
pub(crate) mod cpio;
mod grub;
mod guest;
mod l1;
mod libraries;
mod linux;
pub(crate) mod modules;
mod qemu;
mod said;
mod suite;
mod tools;
mod tsc;

/// Shell functions of the host's side of a guest's network.
pub(crate) const HOST_NETWORK: &str = include_str!("host-network.sh");
/// Shell functions of the guest's side.
pub(crate) const GUEST_NETWORK: &str = include_str!("guest-network.sh");

pub use board::Board;
pub use boot_disk::{BootDisk, ROOT_PARTITION, ROOT_PARTITION_OF_BUSES, UEFI_LOADER};
pub use compile::{compile, compile_here};
pub use complaints::check_complaints;
pub use grub::{config as grub_config, write_network_image as write_grub_for_pxe};
pub use guest::{BUS_MODULES, GuestDisk, guest_initramfs, make_ext4};
pub use l1::{L1, Output};
pub use linux::Medium;
pub use said::{check_memory, ensure_says};
pub use suite::{NATIVE_TESTS, NativeBinary, SuiteResult, native_binaries, run_native_tests};

/// The environment variable by which the runner asks for everything, which takes several times as long.
pub const FULL: &str = "PODVISOR_FULL";

/// Whether tests do not leave what others do likewise.
pub fn full() -> bool {
    std::env::var_os(FULL).is_some_and(|value| value == "1")
}
