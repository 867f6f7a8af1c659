//! Kernels made for tests.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use crate::config::Backing;
use crate::memory::{GuestRam, RamRegion};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// RAM of a machine with `size` bytes.
pub(super) fn ram(size: u64) -> GuestRam {
    GuestRam::from_arc_regions(RamRegion::ram(size, Backing::Anonymous).unwrap()).unwrap()
}

/// A file in memory.
pub(super) fn file(content: &[u8]) -> File {
    let file = File::from(rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    file.write_all_at(content, 0).unwrap();
    file
}

/// One ELF note.
pub(super) fn note(name: &[u8], kind: u32, desc: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [name.len() as u32, desc.len() as u32, kind] {
        note.extend(word.to_le_bytes());
    }
    for field in [name, desc] {
        note.extend(field);
        note.resize(note.len().next_multiple_of(4), 0);
    }
    note
}

/// One program header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
}

/// The fields of an ELF file that tests change.
#[derive(Clone, Debug)]
pub(super) struct Elf {
    pub(super) entry: u64,
    pub(super) programs: Vec<Program>,
    /// What follows the headers, from [`Elf::BODY`] on.
    pub(super) body: Vec<u8>,
}

impl Elf {
    /// Where in the file the body begins.
    pub(super) const BODY: u64 = 0x200;

    /// Two segments: 256 bytes of 0x11 at 1 MiB and 16 bytes of 0x22 at 1 MiB + 8 KiB with 4 KiB of zeros behind.
    pub(super) fn plain() -> Self {
        let load =
            |offset, address, file_size, memory_size| Program { kind: 1, offset, address, file_size, memory_size };
        Self {
            entry: 0x10_0010,
            programs: vec![
                load(Self::BODY, 0x10_0000, 0x100, 0x100),
                load(Self::BODY + 0x100, 0x10_2000, 0x10, 0x1010),
            ],
            body: [vec![0x11; 0x100], vec![0x22; 0x10]].concat(),
        }
    }

    /// As [`Elf::plain`], with a PVH entry point.
    pub(super) fn pvh(entry: u32) -> Self {
        let mut elf = Self::plain();
        let note = note(b"Xen\0", 18, &entry.to_le_bytes());
        let (offset, file_size) = (Self::BODY + elf.body.len() as u64, note.len() as u64);
        elf.programs.push(Program { kind: 4, offset, address: 0, file_size, memory_size: file_size });
        elf.body.extend(note);
        elf
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(2u16.to_le_bytes()); // ET_EXEC
        bytes.extend(62u16.to_le_bytes()); // EM_X86_64
        bytes.extend(1u32.to_le_bytes());
        for word in [self.entry, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for half in [64, 56, self.programs.len() as u16, 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for program in &self.programs {
            bytes.extend(program.kind.to_le_bytes());
            bytes.extend(7u32.to_le_bytes());
            let Program { offset, address, file_size, memory_size, .. } = *program;
            for word in [offset, address, address, file_size, memory_size, 0x1000] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.resize(Self::BODY as usize, 0);
        bytes.extend(&self.body);
        bytes
    }
}

/// A bzImage: one setup sector (and the boot sector), 4 KiB of 0x33 as code, wanting 64 KiB at 2 MiB.
pub(super) fn bzimage() -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    let fields: [(usize, &[u8]); 14] = [
        (0x1f1, &[1]),                          // setup_sects
        (0x1f4, &0x100u32.to_le_bytes()),       // syssize
        (0x1fe, &0xaa55u16.to_le_bytes()),      // boot_flag
        (0x200, &[0xeb, 0x6a]),                 // jump
        (0x202, b"HdrS"),                       // header
        (0x206, &0x20fu16.to_le_bytes()),       // version
        (0x211, &[0x81]),                       // loadflags
        (0x22c, &0x7f_ffffu32.to_le_bytes()),   // initrd_addr_max
        (0x230, &0x20_0000u32.to_le_bytes()),   // kernel_alignment
        (0x236, &1u16.to_le_bytes()),           // xloadflags
        (0x238, &15u32.to_le_bytes()),          // cmdline_size
        (0x258, &0x20_0000u64.to_le_bytes()),   // pref_address
        (0x260, &0x1_0000u32.to_le_bytes()),    // init_size
        (0x268, &0x5555_5555u32.to_le_bytes()), // kernel_info_offset, the last field
    ];
    for (offset, value) in fields {
        bytes[offset..offset + value.len()].copy_from_slice(value);
    }
    bytes.resize(0x400 + 0x1000, 0x33);
    bytes
}
