//! The page tables that the boot vCPU starts with in long mode: the first 4 GiB, where they are, in 2 MiB pages.
//!
//! Linux's 64-bit entry wants the kernel, `boot_params` and the command line mapped one to one; all of them are
//! below 4 GiB. 1 GiB pages would need less memory, but not every processor has them. Intel SDM volume 3, 4.5.

use crate::memory::layout::{BOOT_PD, BOOT_PDPT, BOOT_PML4};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const TABLE_SIZE: u64 = 4096;
const ENTRIES: u64 = 512;
/// 4 GiB take four page directories.
const DIRECTORIES: u64 = 4;

/// Writes the tables into `ram`; CR3 is [`BOOT_PML4`].
///
/// # Errors
/// There is no RAM at their place.
pub(super) fn write(ram: &impl Bytes<GuestAddress, E = GuestMemoryError>) -> Result<(), GuestMemoryError> {
    ram.write_obj(BOOT_PDPT | PRESENT | WRITABLE, GuestAddress(BOOT_PML4))?;
    let pdpt: Vec<u8> = (0..DIRECTORIES)
        .flat_map(|directory| ((BOOT_PD + directory * TABLE_SIZE) | PRESENT | WRITABLE).to_le_bytes())
        .collect();
    ram.write_slice(&pdpt, GuestAddress(BOOT_PDPT))?;
    let directories: Vec<u8> =
        (0..DIRECTORIES * ENTRIES).flat_map(|page| (page << 21 | PRESENT | WRITABLE | LARGE).to_le_bytes()).collect();
    ram.write_slice(&directories, GuestAddress(BOOT_PD))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::memory::layout::BOOT_PAGE_TABLES;
    use vm_memory::GuestMemoryMmap;

    /// Walks the tables as the processor does.
    fn translate(ram: &GuestMemoryMmap, address: u64) -> Option<u64> {
        let mut table = BOOT_PML4;
        for shift in [39, 30] {
            let entry: u64 = ram.read_obj(GuestAddress(table + (address >> shift & 0x1ff) * 8)).unwrap();
            if entry & PRESENT == 0 {
                return None;
            }
            table = entry & !0xfff;
        }
        let entry: u64 = ram.read_obj(GuestAddress(table + (address >> 21 & 0x1ff) * 8)).unwrap();
        assert_eq!(entry & (PRESENT | WRITABLE | LARGE), PRESENT | WRITABLE | LARGE);
        Some((entry & !0x1f_ffff) + (address & 0x1f_ffff))
    }

    #[test]
    fn the_first_four_gib_are_mapped_one_to_one_and_nothing_else_is() {
        let ram = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap();
        write(&ram).unwrap();
        for address in [0, 0x7123, 0x10_0000, 0x1f_ffff, 0x20_0000, 0x3fff_ffff, 0x4000_0000, 0xc000_1000, 0xffff_ffff]
        {
            assert_eq!(translate(&ram, address), Some(address));
        }
        for address in [1 << 32, 1 << 38, 1 << 39, 0xffff_8000_0000_0000] {
            assert_eq!(translate(&ram, address), None);
        }
        assert_eq!(BOOT_PD + DIRECTORIES * TABLE_SIZE, BOOT_PAGE_TABLES.end);
    }
}
