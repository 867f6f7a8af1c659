//! What the boot loader hands over: PVH start info (`hvm_start_info`) or Linux `boot_params`. All of it is copied, so
//! that the memory can be used afterwards.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cpu::read_physical;

/// By which entry the guest came up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// 32-bit PVH entry.
    Pvh,
    /// 64-bit Linux entry.
    Linux64,
}

/// One entry of the E820 map.
#[derive(Clone, Copy)]
pub struct Region {
    /// First byte.
    pub start: u64,
    /// First byte behind.
    pub end: u64,
    /// 1 is usable RAM.
    pub kind: u32,
}

/// What the loader said.
pub struct BootInfo {
    /// The entry used.
    pub entry: Entry,
    /// The command line.
    pub command_line: String,
    /// The memory map, in the loader's order.
    pub map: Vec<Region>,
    /// The RSDP's address, 0 if not given.
    pub rsdp: u64,
}

const PVH_MAGIC: u32 = 0x336e_c578;

impl BootInfo {
    /// Reads the structure at `address`.
    ///
    /// # Safety
    /// `kind` (0 = PVH, 1 = Linux) and `address` must be what the entry got.
    pub unsafe fn read(kind: u64, address: u64) -> Self {
        // SAFETY: passed on.
        unsafe { if kind == 0 { Self::pvh(address) } else { Self::linux(address) } }
    }

    unsafe fn pvh(info: u64) -> Self {
        // SAFETY: start info lies below 4 GiB, and so does what it points to (checked).
        unsafe {
            assert_eq!(read_physical::<u32>(info), PVH_MAGIC, "start info has no magic");
            let version: u32 = read_physical(info + 4);
            let entries: u32 = if version > 0 { read_physical(info + 48) } else { 0 };
            let table: u64 = if entries > 0 { read_physical(info + 40) } else { 0 };
            let map = (0..u64::from(entries)).map(|index| {
                let entry = table + index * 24;
                region(read_physical(entry), read_physical(entry + 8), read_physical(entry + 16))
            });
            Self {
                entry: Entry::Pvh,
                command_line: text(read_physical(info + 24)),
                map: map.collect(),
                rsdp: read_physical(info + 32),
            }
        }
    }

    unsafe fn linux(parameters: u64) -> Self {
        // SAFETY: boot_params is one page below 4 GiB; E820 entries are packed, hence the unaligned halves.
        unsafe {
            let word = |address: u64| -> u64 {
                u64::from(read_physical::<u32>(address)) | u64::from(read_physical::<u32>(address + 4)) << 32
            };
            let entries: u8 = read_physical(parameters + 0x1e8);
            let map = (0..u64::from(entries)).map(|index| {
                let entry = parameters + 0x2d0 + index * 20;
                region(word(entry), word(entry + 8), read_physical(entry + 16))
            });
            let high: u32 = read_physical(parameters + 0xc8);
            let low: u32 = read_physical(parameters + 0x228);
            Self {
                entry: Entry::Linux64,
                command_line: text(u64::from(low) | u64::from(high) << 32),
                map: map.collect(),
                rsdp: word(parameters + 0x70),
            }
        }
    }
}

fn region(start: u64, size: u64, kind: u32) -> Region {
    Region { start, end: start.saturating_add(size), kind }
}

unsafe fn text(address: u64) -> String {
    let mut text = String::new();
    if address == 0 || address >= 1 << 32 {
        return text;
    }
    for offset in 0..4096 {
        // SAFETY: below 4 GiB everything is mapped.
        let byte: u8 = unsafe { read_physical(address + offset) };
        if byte == 0 {
            break;
        }
        text.push(char::from(byte));
    }
    text
}
