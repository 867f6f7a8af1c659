//! PVH's start-of-day structures (Xen's public/arch-x86/hvm/start_info.h, version 1).

use super::error::BootError;
use super::memory_map::MapEntry;
use crate::memory::GuestRam;
use crate::memory::layout::{CMDLINE, START_INFO};
use linux_loader::start_info::{XEN_HVM_START_MAGIC_VALUE, hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info};
use std::ops::Range;
use vm_memory::{Bytes, GuestAddress};

/// The module list in the page of the start info, which has 56 bytes.
const MODULES: u64 = START_INFO.start + 0x40;
/// The memory map in the same page, behind one module of 32 bytes.
const MEMORY_MAP: u64 = START_INFO.start + 0x80;
/// Entries of 24 bytes that fit behind it: 165.
const MAX_ENTRIES: usize = 165;
const _: () = assert!(MEMORY_MAP + 24 * MAX_ENTRIES as u64 <= START_INFO.end);

/// Writes `hvm_start_info` to [`START_INFO`], and what it points to but the command line.
///
/// # Errors
/// There is no such memory.
pub(super) fn write(
    ram: &GuestRam,
    initrd: Option<Range<u64>>,
    rsdp: Option<u64>,
    map: &[MapEntry],
) -> Result<(), BootError> {
    let mut info = hvm_start_info {
        magic: XEN_HVM_START_MAGIC_VALUE,
        version: 1,
        cmdline_paddr: CMDLINE.start,
        rsdp_paddr: rsdp.unwrap_or(0),
        memmap_paddr: MEMORY_MAP,
        ..Default::default()
    };
    if let Some(Range { start, end }) = initrd {
        let module = hvm_modlist_entry { paddr: start, size: end - start, ..Default::default() };
        ram.write_obj(module, GuestAddress(MODULES)).map_err(BootError::Structures)?;
        (info.nr_modules, info.modlist_paddr) = (1, MODULES);
    }
    for (entry, index) in map.iter().take(MAX_ENTRIES).zip(0u32..) {
        let Range { start, end } = entry.range;
        let written =
            hvm_memmap_table_entry { addr: start, size: end - start, type_: entry.kind.number(), reserved: 0 };
        let address = MEMORY_MAP + 24 * u64::from(index);
        ram.write_obj(written, GuestAddress(address)).map_err(BootError::Structures)?;
        info.memmap_entries = index + 1;
    }
    ram.write_obj(info, GuestAddress(START_INFO.start)).map_err(BootError::Structures)
}
