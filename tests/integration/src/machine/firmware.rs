//! Firmware whose whole work is to start the test guest: what a machine that starts by firmware is tested with, on hosts
//! whose KVM emulates the first instructions of a processor, too.
//!
//! ```text
//!  the guest's segments | command line | memory map | start info | last page: 32-bit code, GDT, 16-bit code, reset vector
//! ```
//!
//! It copies all but the last page to where a PVH loader would have put it (PVH, "Direct Boot ABI"), and jumps to the
//! guest's PVH entry. PCI, PAM, flash and fw_cfg are as the machine made them: the guest's commands use them.

use std::io::{Seek, Write};
use std::ops::Range;

use super::test_guest;

const PAGE: usize = 4096;
const END: u64 = 1 << 32;
/// Where the guest finds what a PVH loader tells it.
const START_INFO: u32 = 0x6000;
const MEMORY_MAP: u32 = 0x6100;
const COMMAND_LINE: u32 = 0x7000;
const PVH_MAGIC: u32 = 0x336e_c578;
const PT_LOAD: u32 = 1;
/// Of the last page.
const GDT: usize = 0x800;
const GDT_POINTER: usize = 0x820;
const REAL_MODE: usize = 0xf00;
const RESET_VECTOR: usize = 0xff0;
/// No segment, 32-bit code, data: flat.
const DESCRIPTORS: [u64; 3] = [0, 0x00cf_9b00_0000_ffff, 0x00cf_9300_0000_ffff];

/// A file with the firmware, whose guest runs `script` and is told of these ranges of RAM.
///
/// # Panics
/// There is no test guest, or no room for a file.
pub(super) fn test_firmware(script: &str, ram: &[Range<u64>]) -> std::fs::File {
    let guest = std::fs::read(test_guest()).expect("the test guest can be read");
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&image(&guest, script, ram)).expect("room for a firmware");
    file.rewind().expect("a regular file");
    file
}

fn image(guest: &[u8], script: &str, ram: &[Range<u64>]) -> Vec<u8> {
    let (mut parts, entry) = segments(guest);
    parts.push((COMMAND_LINE, [script.as_bytes(), b"\0"].concat()));
    parts.push((MEMORY_MAP, memory_map(ram)));
    parts.push((START_INFO, start_info(ram.len())));
    parts.iter_mut().for_each(|(_, bytes)| bytes.resize(bytes.len().next_multiple_of(4), 0));

    let body: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    let size = (body + PAGE).next_multiple_of(PAGE);
    let base = END - size as u64;
    let mut image = Vec::with_capacity(size);
    let mut copies = Vec::new();
    for (to, bytes) in parts {
        copies.push((number(base) + number(image.len() as u64), to, number(bytes.len() as u64 / 4)));
        image.extend(bytes);
    }
    image.resize(size - PAGE, 0xff);
    image.extend(last_page(&copies, entry));
    image
}

/// The guest's segments by their addresses, and its PVH entry.
fn segments(guest: &[u8]) -> (Vec<(u32, Vec<u8>)>, u32) {
    let field = |at: usize, width: usize| {
        guest[at..at + width].iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte))
    };
    let place = |at, width| usize::try_from(field(at, width)).expect("a small file");
    let (table, count) = (place(32, 8), place(56, 2));
    let headers = (0..count).map(|index| table + 56 * index);
    let loads = headers.filter(|header| number(field(*header, 4)) == PT_LOAD).map(|header| {
        let (offset, size) = (place(header + 8, 8), place(header + 32, 8));
        (number(field(header + 24, 8)), guest[offset..offset + size].to_vec())
    });
    let loads: Vec<_> = loads.collect();
    // The image begins with its one note: name and descriptor sizes, type, "Xen", the entry.
    let note = &loads.first().expect("a segment").1;
    assert_eq!(&note[12..16], b"Xen\0", "the test guest's PVH note");
    let entry = note[16..24].iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    (loads, number(entry))
}

/// `hvm_memmap_table_entry`s: RAM, but for what a PC has below 1 MiB.
fn memory_map(ram: &[Range<u64>]) -> Vec<u8> {
    let entries = ram.iter().flat_map(|range| [range.start, range.end - range.start, 1]);
    entries.flat_map(u64::to_le_bytes).collect()
}

/// `hvm_start_info`, version 1.
fn start_info(regions: usize) -> Vec<u8> {
    let mut info = [PVH_MAGIC, 1, 0, 0].map(u32::to_le_bytes).concat();
    // Modules, command line, RSDP: there is none.
    info.extend([0, COMMAND_LINE.into(), 0, MEMORY_MAP.into()].map(u64::to_le_bytes).concat());
    info.extend([number(regions as u64), 0].map(u32::to_le_bytes).concat());
    info
}

fn last_page(copies: &[(u32, u32, u32)], entry: u32) -> Vec<u8> {
    let page_start = number(END - PAGE as u64);
    let at = |offset: usize| page_start + number(offset as u64);
    let mut page = vec![0x90; PAGE];
    let mut put = |offset: usize, bytes: &[u8]| page[offset..offset + bytes.len()].copy_from_slice(bytes);

    // mov ax, 0x10; mov ds, ax; mov es, ax; mov ss, ax; cld
    let mut code = vec![0x66, 0xb8, 0x10, 0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xfc];
    for (from, to, words) in copies {
        // mov esi, from; mov edi, to; mov ecx, words; rep movsd
        for (opcode, value) in [(0xbe, from), (0xbf, to), (0xb9, words)] {
            code.push(opcode);
            code.extend(value.to_le_bytes());
        }
        code.extend([0xf3, 0xa5]);
    }
    // mov ebx, START_INFO; mov eax, entry; jmp eax
    code.push(0xbb);
    code.extend(START_INFO.to_le_bytes());
    code.push(0xb8);
    code.extend(entry.to_le_bytes());
    code.extend([0xff, 0xe0]);
    assert!(code.len() < GDT, "too many segments");
    put(0, &code);

    put(GDT, &DESCRIPTORS.map(u64::to_le_bytes).concat());
    put(GDT_POINTER, &[&23_u16.to_le_bytes()[..], &at(GDT).to_le_bytes()].concat());

    // cli; o32 lgdt cs:[GDT_POINTER]; mov eax, PE|ET; mov cr0, eax; o32 jmp 8:page
    let [pointer_low, pointer_high, ..] = (0xf000 + number(GDT_POINTER as u64)).to_le_bytes();
    let mut real_mode = vec![0xfa, 0x2e, 0x66, 0x0f, 0x01, 0x16, pointer_low, pointer_high];
    real_mode.extend([0x66, 0xb8, 0x11, 0, 0, 0, 0x0f, 0x22, 0xc0, 0x66, 0xea]);
    real_mode.extend(page_start.to_le_bytes());
    real_mode.extend([8, 0]);
    put(REAL_MODE, &real_mode);

    // jmp REAL_MODE: backwards, from behind the three bytes of the jump.
    let distance = i16::try_from(REAL_MODE).unwrap_or(0) - i16::try_from(RESET_VECTOR + 3).unwrap_or(0);
    let [low, high] = distance.to_le_bytes();
    put(RESET_VECTOR, &[0xe9, low, high]);
    page
}

fn number(value: u64) -> u32 {
    u32::try_from(value).expect("32 bits")
}
