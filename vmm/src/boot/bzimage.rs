//! Linux's `bzImage` by its 64-bit entry (Linux's Documentation/arch/x86/boot.rst).

use super::error::BootError;
use super::payload::Payload;
use super::place;
use crate::memory::GuestRam;
use linux_loader::bootparam::{XLF_KERNEL_64, setup_header};
use std::ops::Range;
use thiserror::Error;
use vm_memory::ByteValued;

/// Where the setup header begins in the file, and in `boot_params`.
const HEADER_OFFSET: u16 = 0x1f1;
/// The header ends at this offset plus the byte that precedes it (the jump over the header).
const JUMP_TARGET: usize = 0x202;
/// Where the header's last field that is needed, `init_size`, ends.
const INIT_SIZE_END: usize = 0x264;
/// `boot_flag`.
const BOOT_FLAG: u16 = 0xaa55;
/// "HdrS".
const MAGIC: u32 = 0x5372_6448;
/// Protocol 2.12 has `xloadflags`, so the 64-bit entry can be known.
const OLDEST: u16 = 0x20c;
/// `loadflags`: the code goes to 1 MiB or higher.
const LOADED_HIGH: u8 = 1;
/// The 64-bit entry is so far into the code.
const ENTRY_64: u64 = 0x200;

/// Why a bzImage cannot be started.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum BzImageError {
    /// Older than the 64-bit entry.
    #[error("Its boot protocol {}.{:02} is older than 2.12", .0 >> 8, .0 & 0xff)]
    OldProtocol(u16),
    /// A 32-bit kernel.
    #[error("It has no 64-bit entry point: it is not a kernel for 64-bit x86")]
    No64BitEntry,
    /// The header is shorter than its protocol says, or the code too short for its entry.
    #[error("Its setup header is damaged")]
    Damaged,
}

/// A bzImage's setup header, checked.
#[derive(Debug)]
pub(super) struct BzImage {
    header: setup_header,
    /// Where in the file the code begins.
    offset: u64,
    /// Bytes of code.
    size: u64,
}

impl BzImage {
    /// Reads and checks the header; `None`: it is no bzImage.
    ///
    /// # Errors
    /// The kernel cannot be started this way, is truncated, or cannot be read.
    pub(super) fn parse(kernel: &Payload<'_>) -> Result<Option<Self>, BootError> {
        let Some(mut header) = kernel.peek::<setup_header>(HEADER_OFFSET.into())? else { return Ok(None) };
        if header.boot_flag != BOOT_FLAG || header.header != MAGIC {
            return Ok(None);
        }
        if header.version < OLDEST {
            return Err(BzImageError::OldProtocol(header.version).into());
        }
        if header.xloadflags & XLF_KERNEL_64 == 0 {
            return Err(BzImageError::No64BitEntry.into());
        }
        let [_, jump] = header.jump.to_le_bytes();
        let end = JUMP_TARGET + usize::from(jump);
        // 0 means 4, by the protocol.
        let sectors = if header.setup_sects == 0 { 4 } else { header.setup_sects };
        let offset = (u64::from(sectors) + 1) * 512;
        let size = u64::from(header.syssize) * 16;
        if end < INIT_SIZE_END || header.loadflags & LOADED_HIGH == 0 || size <= ENTRY_64 {
            return Err(BzImageError::Damaged.into());
        }
        kernel.check(offset, size)?;
        // What lies behind the header is code, not header.
        let len = end - usize::from(HEADER_OFFSET); // at least INIT_SIZE_END
        if let Some(rest) = header.as_mut_slice().get_mut(len..) {
            rest.fill(0);
        }
        Ok(Some(Self { header, offset, size }))
    }

    /// The header, for `boot_params`.
    pub(super) fn header(&self) -> setup_header {
        self.header
    }

    /// The memory that the kernel uses before it has looked at the memory map: code, then decompressed kernel.
    pub(super) fn memory(&self) -> Range<u64> {
        let (start, needed) = (self.header.pref_address, u64::from(self.header.init_size));
        start..start.saturating_add(needed.max(self.size))
    }

    /// The physical address of the 64-bit entry point.
    pub(super) fn entry(&self) -> u64 {
        self.header.pref_address.saturating_add(ENTRY_64)
    }

    /// Reads the code into guest memory.
    ///
    /// # Errors
    /// The kernel's memory lies outside `room`, or the file cannot be read.
    pub(super) fn load(&self, kernel: &Payload<'_>, ram: &GuestRam, room: &Range<u64>) -> Result<(), BootError> {
        place::check(&self.memory(), room)?;
        kernel.load(self.offset, self.size, ram, self.header.pref_address)
    }
}
