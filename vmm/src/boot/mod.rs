//! Loading what the machine runs first into guest memory.
//!
//! A [`BootMethod`] is made of opened files before the machine starts, and runs in a thread of its own while the
//! devices are set up. It writes nothing but guest memory and the entry point it returns; registers, page tables and
//! the GDT are `arch`'s.
//!
//! ```text
//!  KernelBoot ── Payload (a checked file) ── ElfKernel / BzImage / RawImage: parsed headers, every number checked
//!      │                                         └ code read straight from the file into RAM
//!      ├ initrd: placed below what kernel and RAM allow, read the same way
//!      ├ cmdline, memory_map (E820)
//!      └ pvh (hvm_start_info) or linux64 (boot_params)
//! ```

mod bzimage;
mod cmdline;
mod elf;
mod elf_note;
mod error;
mod firmware;
mod initramfs;
mod initrd;
mod kernel;
mod linux64;
mod memory_map;
mod payload;
mod place;
mod pvh;
mod raw;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(crate) use error::BootError;
pub(crate) use firmware::FirmwareBoot;
pub(crate) use kernel::KernelBoot;

use crate::memory::GuestRam;
use std::ops::Range;

/// How the machine's first instructions get into guest memory.
pub(crate) trait BootMethod: Send + Sync {
    /// Writes the payload and its boot structures into `ram`.
    ///
    /// RAM must read zero: freshly mapped, or after [`crate::memory::RamRegion::clear`] of every region (reset).
    /// Nothing is zeroed here, not even a segment's `.bss`.
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
    /// What the memory map reserves beyond what every board reserves: where PCI's configuration space is.
    pub(crate) reserved: Option<Range<u64>>,
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
    /// Long mode with an identity map of the first 4 GiB, `boot_params` in RSI (Linux's x86 boot protocol, 64-bit).
    Linux64 {
        /// Guest-physical entry point.
        rip: u64,
        /// Guest-physical address of `boot_params`.
        boot_params: u64,
    },
    /// As after a reset: real mode, 16 bytes below 4 GiB.
    Reset,
}
