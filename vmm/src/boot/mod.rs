//! Loading what the machine runs first into guest memory.
//!
//! A [`BootMethod`] is made of opened files before the machine starts, and runs in a thread of its own while the
//! devices are set up. It writes nothing but guest memory and the entry point it returns; registers are `arch`'s.

#![cfg_attr(not(test), expect(dead_code, reason = "the machine is wired up in the next commits"))]

mod error;

pub(crate) use error::BootError;

use crate::memory::GuestRam;
use std::fs::File;

/// How the machine's first instructions get into guest memory.
pub(crate) trait BootMethod: Send + Sync {
    /// Writes the payload and its boot structures into `ram`.
    ///
    /// RAM reads zero wherever nothing was written since it was mapped, or since [`crate::memory::RamRegion::clear`].
    ///
    /// # Errors
    /// The payload is not what it should be, does not fit, or cannot be read. `ram` may have been written to.
    fn load(&self, ram: &GuestRam, context: &BootContext) -> Result<Entry, BootError>;
}

/// What the machine tells the loader.
#[derive(Clone, Debug, Default)]
pub(crate) struct BootContext {
    /// The kernel's whole command line, the board's own additions included; ASCII without NUL.
    pub(crate) cmdline: String,
    /// Guest address of the ACPI RSDP; `None`: no ACPI.
    pub(crate) rsdp: Option<u64>,
}

/// Where the boot vCPU starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// 32-bit protected mode without paging, `start_info` in EBX (Xen's HVM direct boot ABI).
    Pvh {
        /// Guest-physical entry point.
        rip: u64,
        /// Guest-physical address of `hvm_start_info`.
        start_info: u64,
    },
    /// Long mode with an identity map, `boot_params` in RSI (Linux's x86 boot protocol, 64-bit entry).
    Linux64 {
        /// Guest-physical entry point.
        rip: u64,
        /// Guest-physical address of `boot_params`.
        boot_params: u64,
    },
}

/// Starts a Linux kernel (or another PVH kernel) directly.
#[derive(Debug)]
pub(crate) struct KernelBoot {
    /// An ELF file or a bzImage.
    pub(crate) kernel: File,
    /// The initial RAM disk.
    pub(crate) initrd: Option<File>,
    /// Which entry an ELF kernel is started by.
    pub(crate) entry: crate::config::KernelEntry,
}

impl BootMethod for KernelBoot {
    fn load(&self, _ram: &GuestRam, _context: &BootContext) -> Result<Entry, BootError> {
        Err(BootError::Unknown)
    }
}
