//! Maps what lies above 4 GiB: by 1 GiB pages where the CPU has them, else by 2 MiB pages. The page tables are plain
//! memory for CPL 3, and new entries need no flush.

use alloc::string::String;

use crate::boot_info::Region;
use crate::cpu::cpuid;
use crate::sync::{Place, SpinLock};

const GIB: u64 = 1 << 30;
/// How many tables there are for more than `boot.s` has.
const TABLES: usize = 20;
/// Present, writable, user, accessed, dirty, large.
const LARGE: u64 = 0xe7;
/// Present, writable, user.
const TABLE: u64 = 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

static EXTRA: Place<[[u64; 512]; TABLES]> = Place::new([[0; 512]; TABLES]);
static USED: SpinLock<usize> = SpinLock::new(0);

unsafe extern "C" {
    static pml4: u8;
}

/// A new empty table.
fn new_table(used: &mut usize) -> Option<u64> {
    let table = (*used < TABLES).then(|| EXTRA.address() + *used as u64 * 4096);
    *used += 1;
    table
}

fn entry(table: u64, index: u64) -> *mut u64 {
    core::ptr::with_exposed_provenance_mut((table + 8 * (index % 512)) as usize)
}

/// Maps the GiB with `address`, if it is not. `false` when there are no tables left.
fn map_gib(address: u64) -> bool {
    let mut used = USED.lock();
    let top = entry((&raw const pml4).expose_provenance() as u64, address >> 39);
    // SAFETY: the page tables are ours, identity mapped; a table is complete before it is linked.
    unsafe {
        if top.read_volatile() == 0 {
            let Some(table) = new_table(&mut used) else { return false };
            top.write_volatile(table | TABLE);
        }
        let place = entry(top.read_volatile() & ADDRESS, address >> 30);
        if place.read_volatile() != 0 {
            return true;
        }
        let start = address & !(GIB - 1);
        let has_1g = cpuid(0x8000_0000, 0).eax >= 0x8000_0001 && cpuid(0x8000_0001, 0).edx & 1 << 26 != 0;
        if has_1g {
            place.write_volatile(start | LARGE);
        } else {
            let Some(table) = new_table(&mut used) else { return false };
            for page in 0..512 {
                entry(table, page).write_volatile((start + page * (2 << 20)) | LARGE);
            }
            place.write_volatile(table | TABLE);
        }
    }
    true
}

/// Maps what the memory map has above 4 GiB; returns where mapped RAM ends.
pub fn map_high(map: &[Region]) -> u64 {
    let ram = map.iter().filter(|region| region.kind == 1 && region.end > 4 * GIB);
    let end = ram.map(|region| region.end).max().unwrap_or(4 * GIB).min(512 * GIB);
    let mapped = (4..end.div_ceil(GIB)).take_while(|gib| map_gib(gib * GIB)).last();
    mapped.map_or(4 * GIB, |gib| (gib + 1) * GIB).min(end)
}

/// Makes a device's memory at `address` reachable.
///
/// # Errors
/// Too much is mapped already.
pub fn map_device(address: u64) -> Result<(), String> {
    if map_gib(address) { Ok(()) } else { Err(alloc::format!("no page table left for {address:#x}")) }
}
