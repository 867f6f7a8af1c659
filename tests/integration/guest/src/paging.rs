//! Maps RAM above 4 GiB: by 1 GiB pages where the CPU has them, else by 2 MiB pages. The page tables are plain memory
//! for CPL 3, and new entries need no flush.

use crate::boot_info::Region;
use crate::cpu::cpuid;
use crate::sync::Place;

const GIB: u64 = 1 << 30;
/// How many GiB above 4 GiB can be mapped by 2 MiB pages.
const DIRECTORIES: usize = 16;
/// Present, writable, user, accessed, dirty, large.
const LARGE: u64 = 0xe7;
/// Present, writable, user.
const TABLE: u64 = 7;

static EXTRA: Place<[[u64; 512]; DIRECTORIES]> = Place::new([[0; 512]; DIRECTORIES]);

unsafe extern "C" {
    static pdpt: u8;
}

/// Maps what the memory map has above 4 GiB; returns where mapped RAM ends.
pub fn map_high(map: &[Region]) -> u64 {
    let ram = map.iter().filter(|region| region.kind == 1 && region.end > 4 * GIB);
    let end = ram.map(|region| region.end).max().unwrap_or(4 * GIB).min(512 * GIB);
    let has_1g = cpuid(0x8000_0000, 0).eax >= 0x8000_0001 && cpuid(0x8000_0001, 0).edx & 1 << 26 != 0;
    let table = (&raw const pdpt).cast_mut().cast::<u64>();
    let mut mapped = 4 * GIB;
    for (used, gib) in (4..end.div_ceil(GIB)).enumerate() {
        let entry = if has_1g {
            (gib * GIB) | LARGE
        } else if used < DIRECTORIES {
            for page in 0..512 {
                // SAFETY: indices are bounded; the directory is linked below, after it is complete.
                unsafe { (*EXTRA.get())[used][page as usize] = (gib * GIB + page * (2 << 20)) | LARGE };
            }
            (EXTRA.address() + used as u64 * 4096) | TABLE
        } else {
            break;
        };
        // SAFETY: `gib` is below 512, and the entry was not present.
        unsafe { table.add(gib as usize).write_volatile(entry) };
        mapped = (gib + 1) * GIB;
    }
    mapped.min(end)
}
