//! Why a payload cannot be started.

use super::bzimage::BzImageError;
use super::elf::ElfError;
use std::io;
use thiserror::Error;
use vm_memory::GuestMemoryError;

/// Why a payload cannot be started.
#[derive(Debug, Error)]
pub(crate) enum BootError {
    /// A directory, device, pipe or socket.
    #[error("The {payload} is a {sort}: give a regular file")]
    NotAFile {
        /// "kernel" or "initrd".
        payload: &'static str,
        /// What it is.
        sort: &'static str,
    },
    /// A file without a byte.
    #[error("The {payload} is an empty file")]
    Empty {
        /// "kernel" or "initrd".
        payload: &'static str,
    },
    /// The file ends before what its headers speak of.
    #[error("The {payload} is truncated: by its headers it has at least {needed} bytes, but the file has {size}")]
    Truncated {
        /// "kernel" or "initrd".
        payload: &'static str,
        /// Bytes that must be there.
        needed: u64,
        /// Bytes that are there.
        size: u64,
    },
    /// A system call on the file failed.
    #[error("The {payload} cannot be read")]
    Read {
        /// "kernel" or "initrd".
        payload: &'static str,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// Neither ELF nor bzImage.
    #[error("The kernel is neither an ELF file nor a bzImage")]
    UnknownFormat,
    /// A raw kernel begins somewhere else.
    #[error("The kernel's entry address {entry:#x} is not in the kernel, which fills {start:#x} to {end:#x}")]
    RawEntry {
        /// Where it is to be entered.
        entry: u64,
        /// Its first byte.
        start: u64,
        /// Behind its last byte.
        end: u64,
    },
    /// An ELF file that cannot be started.
    #[error("The kernel is an ELF file that cannot be started")]
    Elf(#[from] ElfError),
    /// A bzImage that cannot be started.
    #[error("The kernel is a bzImage that cannot be started")]
    BzImage(#[from] BzImageError),
    /// PVH was asked for.
    #[error("The kernel has no PVH entry point: use the entry auto or linux64")]
    NoPvhEntry,
    /// The kernel wants the memory that boot structures and tables are in.
    #[error("The kernel wants to be at {start:#x}, below 1 MiB: link it at 1 MiB or higher")]
    TooLow {
        /// Its first address.
        start: u64,
    },
    /// The kernel wants memory that the machine does not have.
    #[error(
        "The kernel needs the memory from {start:#x} to {end:#x}, but the machine's low memory ends at {ram_end:#x}: give it more memory"
    )]
    OutsideRam {
        /// First address needed.
        start: u64,
        /// Address after the last one needed.
        end: u64,
        /// Where low RAM ends.
        ram_end: u64,
    },
    /// The initrd does not fit beside the kernel.
    #[error(
        "The initrd has {size} bytes, but beside the kernel there is room for {room}: give the machine more memory or a smaller initrd"
    )]
    InitrdTooLarge {
        /// Bytes of the initrd.
        size: u64,
        /// The most that would fit.
        room: u64,
    },
    /// More than the kernel reads.
    #[error("The kernel command line has {len} bytes, but this kernel takes at most {max}")]
    CmdlineTooLong {
        /// Bytes given.
        len: usize,
        /// Bytes possible, the terminating NUL not counted.
        max: usize,
    },
    /// Guest memory does not begin at 0 or lacks the first MiB.
    #[error("The boot structures cannot be written to guest memory")]
    Structures(#[source] GuestMemoryError),
}
