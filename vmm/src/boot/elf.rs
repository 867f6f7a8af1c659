//! ELF kernels (`vmlinux`).

use super::elf_note::pvh_entry;
use super::error::BootError;
use super::payload::Payload;
use super::place;
use crate::memory::GuestRam;
use linux_loader::elf::{
    EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, EM_X86_64, ET_DYN, ET_EXEC, Elf64_Ehdr, Elf64_Phdr, PT_LOAD, PT_NOTE,
};
use std::ops::Range;
use thiserror::Error;

/// What an ELF file begins with.
pub(super) const MAGIC: [u8; 4] = *b"\x7fELF";
/// Kernels have about five program headers.
const MAX_HEADERS: u16 = 128;
/// Linux's notes are some 500 bytes.
const MAX_NOTES: u64 = 64 << 10;

/// Why an ELF file cannot be started.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum ElfError {
    /// Another architecture, 32 bits, or an object file.
    #[error("It is not an executable for 64-bit x86")]
    NotX86,
    /// The size of program headers is not that of ELF64.
    #[error("Its program headers have {0} bytes each instead of 56")]
    HeaderSize(u16),
    /// More program headers than any kernel has.
    #[error("It has {0} program headers, more than the {MAX_HEADERS} that are read")]
    TooManyHeaders(u16),
    /// Its note segment is larger than any kernel's.
    #[error("It has {0} bytes of notes, more than the {MAX_NOTES} that are read")]
    LongNotes(u64),
    /// Nothing to load.
    #[error("It has no segment to load")]
    NoSegments,
    /// A segment has more bytes in the file than in memory.
    #[error("Its segment {index} has {file_size} bytes in the file, but only {memory_size} in memory")]
    LongSegment {
        /// Number of the program header.
        index: u16,
        /// `p_filesz`.
        file_size: u64,
        /// `p_memsz`.
        memory_size: u64,
    },
    /// Two segments want the same memory.
    #[error("Its segments overlap at {0:#x}")]
    Overlap(u64),
    /// The entry point is not in what is loaded.
    #[error("Its entry point {0:#x} lies outside its segments")]
    EntryOutside(u64),
}

/// The headers of an ELF kernel, checked.
#[derive(Debug)]
pub(super) struct ElfKernel {
    entry: u64,
    pvh: Option<u64>,
    /// In order of address, disjoint, at least one.
    segments: Vec<Segment>,
}

/// A piece of the file and the memory that it goes to. The memory is as large as the piece or larger.
#[derive(Debug)]
struct Segment {
    offset: u64,
    file_size: u64,
    memory: Range<u64>,
}

impl ElfKernel {
    /// Reads and checks the headers. No more than [`MAX_HEADERS`] headers and [`MAX_NOTES`] of notes per segment are
    /// read, whatever the file says.
    ///
    /// # Errors
    /// The file is no kernel, or too short, or cannot be read.
    pub(super) fn parse(kernel: &Payload<'_>) -> Result<Self, BootError> {
        let header: Elf64_Ehdr = kernel.read(0)?;
        check_header(&header)?;
        let mut elf = Self { entry: header.e_entry, pvh: None, segments: Vec::new() };
        for index in 0..header.e_phnum {
            let offset = u64::from(index) * size_of::<Elf64_Phdr>() as u64; // below 8 KiB
            let program: Elf64_Phdr = kernel.read(header.e_phoff.saturating_add(offset))?;
            match program.p_type {
                PT_LOAD if program.p_memsz != 0 || program.p_filesz != 0 => {
                    elf.segments.push(segment(kernel, index, &program)?);
                }
                PT_NOTE if elf.pvh.is_none() => elf.pvh = read_notes(kernel, &program)?,
                _ => {}
            }
        }
        elf.segments.sort_by_key(|segment| segment.memory.start);
        elf.check_segments()?;
        Ok(elf)
    }

    /// The physical address of the ELF entry point: Linux's 64-bit entry.
    ///
    /// # Errors
    /// It lies outside the segments.
    pub(super) fn entry(&self) -> Result<u64, BootError> {
        self.inside(self.entry)
    }

    /// The physical address of the PVH entry point, if there is one.
    ///
    /// # Errors
    /// It lies outside the segments.
    pub(super) fn pvh_entry(&self) -> Result<Option<u64>, BootError> {
        self.pvh.map(|entry| self.inside(entry)).transpose()
    }

    /// The memory from the first segment to the last.
    pub(super) fn memory(&self) -> Range<u64> {
        let start = self.segments.first().map_or(0, |segment| segment.memory.start);
        start..self.segments.last().map_or(start, |segment| segment.memory.end)
    }

    /// Reads every segment into guest memory. What a segment has in memory beyond its bytes in the file stays as it
    /// is: zero.
    ///
    /// # Errors
    /// A segment lies outside `room`, or the file cannot be read.
    pub(super) fn load(&self, kernel: &Payload<'_>, ram: &GuestRam, room: &Range<u64>) -> Result<(), BootError> {
        self.segments.iter().try_for_each(|segment| place::check(&segment.memory, room))?;
        let mut segments = self.segments.iter();
        segments.try_for_each(|segment| kernel.load(segment.offset, segment.file_size, ram, segment.memory.start))
    }

    fn inside(&self, entry: u64) -> Result<u64, BootError> {
        let known = self.segments.iter().any(|segment| segment.memory.contains(&entry));
        if known { Ok(entry) } else { Err(ElfError::EntryOutside(entry).into()) }
    }

    fn check_segments(&self) -> Result<(), ElfError> {
        if self.segments.is_empty() {
            return Err(ElfError::NoSegments);
        }
        let mut pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        match pairs.find(|(a, b)| a.memory.end > b.memory.start) {
            Some((_, b)) => Err(ElfError::Overlap(b.memory.start)),
            None => Ok(()),
        }
    }
}

fn check_header(header: &Elf64_Ehdr) -> Result<(), ElfError> {
    let ident = |index: usize| header.e_ident.get(index).copied();
    if ident(EI_CLASS) != Some(ELFCLASS64)
        || ident(EI_DATA) != Some(ELFDATA2LSB)
        || header.e_machine != EM_X86_64
        || ![ET_EXEC, ET_DYN].contains(&header.e_type)
    {
        return Err(ElfError::NotX86);
    }
    if usize::from(header.e_phentsize) != size_of::<Elf64_Phdr>() {
        return Err(ElfError::HeaderSize(header.e_phentsize));
    }
    if header.e_phnum > MAX_HEADERS {
        return Err(ElfError::TooManyHeaders(header.e_phnum));
    }
    Ok(())
}

fn segment(kernel: &Payload<'_>, index: u16, program: &Elf64_Phdr) -> Result<Segment, BootError> {
    let (file_size, memory_size) = (program.p_filesz, program.p_memsz);
    if file_size > memory_size {
        return Err(ElfError::LongSegment { index, file_size, memory_size }.into());
    }
    kernel.check(program.p_offset, file_size)?;
    // An end beyond all addresses is outside RAM, which `load` finds.
    let memory = program.p_paddr..program.p_paddr.saturating_add(memory_size);
    Ok(Segment { offset: program.p_offset, file_size, memory })
}

fn read_notes(kernel: &Payload<'_>, program: &Elf64_Phdr) -> Result<Option<u64>, BootError> {
    let size = usize::try_from(program.p_filesz).ok().filter(|_| program.p_filesz <= MAX_NOTES);
    let mut notes = vec![0; size.ok_or(ElfError::LongNotes(program.p_filesz))?];
    kernel.read_bytes(program.p_offset, &mut notes)?;
    Ok(pvh_entry(&notes))
}
