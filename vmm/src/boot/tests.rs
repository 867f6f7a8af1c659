//! Whole loads: what lands in guest memory, what is refused, and that nothing hostile gets further than an error.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::bzimage::BzImageError;
use super::elf::ElfError;
use super::testing::{Elf, bzimage, file, note, ram};
use super::*;
use crate::config::KernelEntry;
use crate::memory::layout::{BOOT_PARAMS, CMDLINE, START_INFO};
use linux_loader::bootparam::boot_params;
use linux_loader::start_info::{hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info};
use proptest::prelude::*;
use std::error::Error;
use std::fs::File;
use std::ops::Range;
use vm_memory::bitmap::Bitmap;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend};

const SIZE: u64 = 16 << 20;

fn boot(kernel: &[u8], initrd: Option<&[u8]>, entry: KernelEntry) -> KernelBoot {
    KernelBoot { kernel: file(kernel), initrd: initrd.map(file), entry }
}

fn context() -> BootContext {
    BootContext { cmdline: "quiet".into(), rsdp: Some(0xe_0000), reserved: None }
}

fn load(kernel: &[u8]) -> Result<Entry, BootError> {
    boot(kernel, None, KernelEntry::Auto).load(&ram(SIZE), &context())
}

fn bytes(ram: &GuestRam, range: Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    ram.read_slice(&mut bytes, GuestAddress(range.start)).unwrap();
    bytes
}

fn cause(error: &BootError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn an_elf_kernel_with_the_note_starts_by_pvh() {
    let ram = ram(SIZE);
    let entry = boot(&Elf::pvh(0x10_0020).bytes(), None, KernelEntry::Auto).load(&ram, &context()).unwrap();
    assert_eq!(entry, Entry::Pvh { rip: 0x10_0020, start_info: START_INFO.start });
    assert_eq!(bytes(&ram, 0x10_0000..0x10_0100), [0x11; 0x100]);
    assert_eq!(bytes(&ram, 0x10_2000..0x10_2010), [0x22; 0x10]);
    assert_eq!(bytes(&ram, 0x10_2010..0x10_3010), [0; 0x1000]);
    assert_eq!(bytes(&ram, CMDLINE.start..CMDLINE.start + 6), *b"quiet\0");
    let info: hvm_start_info = ram.read_obj(GuestAddress(START_INFO.start)).unwrap();
    assert_eq!((info.magic, info.version, info.nr_modules, info.modlist_paddr), (0x336e_c578, 1, 0, 0));
    assert_eq!((info.cmdline_paddr, info.rsdp_paddr, info.memmap_entries), (CMDLINE.start, 0xe_0000, 6));
    let entry = |index: u64| -> (u64, u64, u32) {
        let entry: hvm_memmap_table_entry = ram.read_obj(GuestAddress(info.memmap_paddr + 24 * index)).unwrap();
        (entry.addr, entry.size, entry.type_)
    };
    assert_eq!(entry(0), (0, 0x9_fc00, 1));
    assert_eq!(entry(2), (0xe_0000, 0x1_0000, 3));
    assert_eq!(entry(5), (0xfeff_c000, 0x4000, 2));
}

#[test]
fn pvh_s_module_is_the_initrd() {
    let ram = ram(SIZE);
    let initrd = vec![0x44; 0x1801];
    boot(&Elf::pvh(0x10_0020).bytes(), Some(&initrd), KernelEntry::Pvh).load(&ram, &context()).unwrap();
    let info: hvm_start_info = ram.read_obj(GuestAddress(START_INFO.start)).unwrap();
    assert_eq!(info.nr_modules, 1);
    let module: hvm_modlist_entry = ram.read_obj(GuestAddress(info.modlist_paddr)).unwrap();
    assert_eq!((module.paddr, module.size), (SIZE - 0x2000, 0x1801));
    assert_eq!(bytes(&ram, module.paddr..module.paddr + module.size), initrd);
}

#[test]
fn an_elf_kernel_without_the_note_or_by_wish_starts_by_the_64_bit_entry() {
    for (kernel, entry) in [(Elf::plain(), KernelEntry::Auto), (Elf::pvh(0x10_0020), KernelEntry::Linux64)] {
        let ram = ram(SIZE);
        let entry = boot(&kernel.bytes(), None, entry).load(&ram, &context()).unwrap();
        assert_eq!(entry, Entry::Linux64 { rip: 0x10_0010, boot_params: BOOT_PARAMS.start });
        let params: boot_params = ram.read_obj(GuestAddress(BOOT_PARAMS.start)).unwrap();
        let (header, flag, version, loader) =
            (params.hdr.header, params.hdr.boot_flag, params.hdr.version, params.hdr.type_of_loader);
        assert_eq!((header, flag, version, loader), (0x5372_6448, 0xaa55, 0x20f, 0xff));
        assert_eq!(({ params.hdr.ramdisk_image }, { params.hdr.ramdisk_size }), (0, 0));
        assert_eq!(({ params.acpi_rsdp_addr }, params.e820_entries), (0xe_0000, 6));
    }
}

#[test]
fn a_bzimage_starts_by_its_64_bit_entry_with_its_own_header() {
    let ram = ram(SIZE);
    let initrd = vec![0x44; 0x1801];
    let entry = boot(&bzimage(), Some(&initrd), KernelEntry::Auto).load(&ram, &context()).unwrap();
    assert_eq!(entry, Entry::Linux64 { rip: 0x20_0200, boot_params: BOOT_PARAMS.start });
    assert_eq!(bytes(&ram, 0x20_0000..0x20_1000), [0x33; 0x1000]);
    let params: boot_params = ram.read_obj(GuestAddress(BOOT_PARAMS.start)).unwrap();
    let header = params.hdr;
    assert_eq!(
        ({ header.version }, { header.init_size }, { header.kernel_info_offset }),
        (0x20f, 0x1_0000, 0x5555_5555)
    );
    assert_eq!((header.type_of_loader, header.loadflags), (0xff, 1));
    assert_eq!({ header.cmd_line_ptr }, CMDLINE.start as u32);
    // Below initrd_addr_max, 0x7f_ffff.
    assert_eq!(({ header.ramdisk_image }, { header.ramdisk_size }), (0x80_0000 - 0x2000, 0x1801));
    assert_eq!(bytes(&ram, 0x80_0000 - 0x2000..0x80_0000 - 0x2000 + 0x1801), initrd);
    let e820 = params.e820_table;
    assert_eq!(({ e820[4].addr }, { e820[4].size }, { e820[4].r#type }), (0x10_0000, SIZE - 0x10_0000, 1));
}

#[test]
fn a_raw_kernel_goes_where_it_is_told_and_begins_where_it_is_told() {
    // Not even the magic of ELF counts.
    let kernel = Elf::plain().bytes();
    let (ram, load) = (ram(SIZE), 0x20_0000);
    let raw = |load, entry| boot(&kernel, None, KernelEntry::Raw { load, entry });
    let entry = raw(load, load + 0x23).load(&ram, &context()).unwrap();
    assert_eq!(entry, Entry::Linux64 { rip: load + 0x23, boot_params: BOOT_PARAMS.start });
    assert_eq!(bytes(&ram, load..load + kernel.len() as u64), kernel);
    let params: boot_params = ram.read_obj(GuestAddress(BOOT_PARAMS.start)).unwrap();
    assert_eq!({ params.hdr.cmd_line_ptr }, CMDLINE.start as u32);
    let refused = |load, entry| raw(load, entry).load(&ram, &context()).unwrap_err();
    for entry in [load - 1, load + kernel.len() as u64, 0, u64::MAX] {
        assert!(matches!(refused(load, entry), BootError::RawEntry { .. }), "{entry:#x}");
    }
    assert!(matches!(refused(0x1000, 0x1000), BootError::TooLow { .. }));
    assert!(matches!(refused(SIZE - 16, SIZE - 16), BootError::OutsideRam { .. }));
    assert!(matches!(refused(u64::MAX - 16, u64::MAX - 16), BootError::OutsideRam { .. }));
}

#[test]
fn bytes_behind_a_short_setup_header_are_not_header() {
    let mut kernel = bzimage();
    kernel[0x201] = 0x62; // ends at 0x264, behind init_size
    let ram = ram(SIZE);
    boot(&kernel, None, KernelEntry::Auto).load(&ram, &context()).unwrap();
    let params: boot_params = ram.read_obj(GuestAddress(BOOT_PARAMS.start)).unwrap();
    assert_eq!(({ params.hdr.init_size }, { params.hdr.kernel_info_offset }), (0x1_0000, 0));
    kernel[0x201] = 0x61;
    assert!(matches!(load(&kernel), Err(BootError::BzImage(BzImageError::Damaged))));
}

#[test]
fn the_entry_that_is_asked_for_must_be_there() {
    let refused = |kernel: &[u8]| boot(kernel, None, KernelEntry::Pvh).load(&ram(SIZE), &context()).unwrap_err();
    assert!(matches!(refused(&Elf::plain().bytes()), BootError::NoPvhEntry));
    assert!(matches!(refused(&bzimage()), BootError::NoPvhEntry));
}

#[test]
fn what_is_no_kernel_is_refused() {
    assert!(matches!(load(b"#!/bin/sh\necho hello\n"), Err(BootError::UnknownFormat)));
    assert!(matches!(load(&vec![b'x'; 0x1000]), Err(BootError::UnknownFormat)));
    assert!(matches!(load(b"\x7f"), Err(BootError::UnknownFormat)));
    assert!(matches!(load(b""), Err(BootError::Empty { .. })));
    let boot = KernelBoot { kernel: File::open("/dev/zero").unwrap(), initrd: None, entry: KernelEntry::Auto };
    assert!(matches!(boot.load(&ram(SIZE), &context()), Err(BootError::NotAFile { .. })));
}

#[test]
fn every_truncation_of_a_kernel_is_told() {
    for kernel in [Elf::pvh(0x10_0020).bytes(), bzimage()] {
        load(&kernel).unwrap();
        // A file without its magic is no kernel: 4 bytes of an ELF file, the whole setup header of a bzImage.
        let magic = if kernel.starts_with(b"\x7fELF") { 4 } else { 0x26c };
        for len in (1..kernel.len()).step_by(7).chain([magic - 1, magic, kernel.len() - 1]) {
            match load(&kernel[..len]).unwrap_err() {
                BootError::UnknownFormat => assert!(len < magic, "{len} bytes"),
                BootError::Truncated { size, .. } => assert!(len >= magic && size == len as u64, "{len} bytes"),
                other => panic!("{other}"),
            }
        }
    }
    let error = load(&bzimage()[..0x1000]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The kernel is truncated: by its headers it has at least 5120 bytes, but the file has 4096"
    );
}

#[test]
fn elf_headers_of_other_things_are_refused() {
    let with = |offset: usize, value: u8| {
        let mut bytes = Elf::plain().bytes();
        bytes[offset] = value;
        match load(&bytes) {
            Err(BootError::Elf(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(4, 1), ElfError::NotX86); // 32 bits
    assert_eq!(with(5, 2), ElfError::NotX86); // big endian
    assert_eq!(with(16, 1), ElfError::NotX86); // object file
    assert_eq!(with(18, 3), ElfError::NotX86); // i386
    assert_eq!(with(54, 57), ElfError::HeaderSize(57));
    assert_eq!(with(56, 129), ElfError::TooManyHeaders(129));
    assert_eq!(with(56, 0), ElfError::NoSegments);
}

/// The error of the plain kernel after `change`.
fn changed(change: impl FnOnce(&mut Elf)) -> BootError {
    let mut elf = Elf::plain();
    change(&mut elf);
    load(&elf.bytes()).unwrap_err()
}

#[test]
fn elf_segments_must_fit_file_memory_and_each_other() {
    let error = changed(|elf| elf.programs[0].memory_size = 0xff);
    assert_eq!(cause(&error), "Its segment 0 has 256 bytes in the file, but only 255 in memory");
    let error = changed(|elf| elf.programs[1].offset += 1);
    assert!(matches!(error, BootError::Truncated { .. }));
    let error = changed(|elf| elf.programs[1].address = 0x10_00ff);
    assert_eq!(cause(&error), "Its segments overlap at 0x1000ff");
    let error = changed(|elf| elf.programs[0].address = 0xf_ffff);
    assert!(matches!(error, BootError::TooLow { start: 0xf_ffff }), "{error}");
    for size in [SIZE - 0x10_2000 + 1, u64::MAX] {
        let error = changed(|elf| elf.programs[1].memory_size = size);
        assert!(matches!(error, BootError::OutsideRam { ram_end: SIZE, .. }), "{error}");
    }
    let mut elf = Elf::plain();
    elf.programs[1].memory_size = SIZE - 0x10_2000;
    load(&elf.bytes()).unwrap();
}

#[test]
fn adjacent_segments_and_empty_ones_are_fine() {
    let mut elf = Elf::plain();
    elf.programs[1].address = 0x10_0100;
    let empty = testing::Program { kind: 1, offset: u64::MAX, address: 0, file_size: 0, memory_size: 0 };
    elf.programs.push(empty);
    load(&elf.bytes()).unwrap();
    let bss_only = testing::Program { kind: 1, offset: 0, address: 0x20_0000, file_size: 0, memory_size: 0x1000 };
    elf.programs.push(bss_only);
    load(&elf.bytes()).unwrap();
}

#[test]
fn segments_in_any_order_of_address_are_loaded() {
    let mut elf = Elf::plain();
    elf.programs.swap(0, 1);
    let ram = ram(SIZE);
    boot(&elf.bytes(), None, KernelEntry::Auto).load(&ram, &context()).unwrap();
    assert_eq!(bytes(&ram, 0x10_0000..0x10_0100), [0x11; 0x100]);
    assert_eq!(bytes(&ram, 0x10_2000..0x10_2010), [0x22; 0x10]);
}

#[test]
fn entry_points_must_lie_in_a_segment() {
    for entry in [0, 0xf_ffff, 0x10_0100, u64::MAX] {
        let error = changed(|elf| elf.entry = entry);
        assert!(matches!(error, BootError::Elf(ElfError::EntryOutside(named)) if named == entry), "{error}");
    }
    for entry in [0x10_0000, 0x10_00ff] {
        load(&Elf { entry, ..Elf::plain() }.bytes()).unwrap();
    }
    assert!(matches!(load(&Elf::pvh(0x50_0000).bytes()), Err(BootError::Elf(ElfError::EntryOutside(0x50_0000)))));
}

#[test]
fn a_note_segment_is_read_up_to_64_kib() {
    let mut elf = Elf::pvh(0x10_0020);
    elf.programs[2].file_size = (64 << 10) + 1;
    assert!(matches!(load(&elf.bytes()), Err(BootError::Elf(ElfError::LongNotes(0x1_0001)))));
    elf.programs[2].file_size = 64 << 10;
    assert!(matches!(load(&elf.bytes()), Err(BootError::Truncated { .. })));
    elf.body.resize(elf.body.len() + (64 << 10), 0);
    assert!(matches!(load(&elf.bytes()), Ok(Entry::Pvh { .. })));
}

#[test]
fn the_note_may_stand_in_any_note_segment() {
    let mut elf = Elf::pvh(0x10_0020);
    let other = note(b"GNU\0", 5, &[0; 16]);
    let offset = Elf::BODY + elf.body.len() as u64;
    let program = testing::Program { kind: 4, offset, file_size: other.len() as u64, ..elf.programs[2] };
    elf.body.extend(other);
    for place in [0, elf.programs.len()] {
        let mut elf = elf.clone();
        elf.programs.insert(place, program);
        assert!(matches!(load(&elf.bytes()), Ok(Entry::Pvh { .. })));
    }
}

#[test]
fn bzimages_that_cannot_be_started_are_refused() {
    let with = |offset: usize, value: &[u8]| {
        let mut bytes = bzimage();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        load(&bytes).unwrap_err()
    };
    assert!(matches!(with(0x1fe, &[0]), BootError::UnknownFormat));
    assert!(matches!(with(0x202, b"X"), BootError::UnknownFormat));
    assert_eq!(cause(&with(0x206, &[0x0b, 2])), "Its boot protocol 2.11 is older than 2.12");
    assert!(matches!(with(0x236, &[2, 0]), BootError::BzImage(BzImageError::No64BitEntry)));
    assert!(matches!(with(0x211, &[0]), BootError::BzImage(BzImageError::Damaged)));
    assert!(matches!(with(0x1f4, &0x20u32.to_le_bytes()), BootError::BzImage(BzImageError::Damaged)));
    assert!(matches!(with(0x1f4, &0x101u32.to_le_bytes()), BootError::Truncated { .. }));
    assert!(matches!(with(0x1f4, &u32::MAX.to_le_bytes()), BootError::Truncated { .. }));
    assert!(matches!(with(0x1f1, &[2]), BootError::Truncated { .. }));
    assert!(matches!(with(0x258, &0xf_f000u64.to_le_bytes()), BootError::TooLow { .. }));
    assert!(matches!(with(0x258, &u64::MAX.to_le_bytes()), BootError::OutsideRam { .. }));
    let fits = (SIZE - 0x20_0000) as u32;
    let error = with(0x260, &(fits + 1).to_le_bytes());
    assert!(matches!(error, BootError::OutsideRam { start: 0x20_0000, .. }), "{error}");
    let mut bytes = bzimage();
    bytes[0x206] = 0x0c;
    bytes[0x260..0x264].copy_from_slice(&fits.to_le_bytes());
    load(&bytes).unwrap();
    bytes[0x1f4..0x1f8].copy_from_slice(&0x21u32.to_le_bytes());
    load(&bytes).unwrap();
}

#[test]
fn zero_setup_sectors_are_four() {
    let mut kernel = bzimage();
    kernel[0x1f1] = 0;
    kernel.splice(0x400..0x400, vec![0x99; 3 * 512]);
    let ram = ram(SIZE);
    boot(&kernel, None, KernelEntry::Auto).load(&ram, &context()).unwrap();
    assert_eq!(bytes(&ram, 0x20_0000..0x20_1000), [0x33; 0x1000]);
}

#[test]
fn code_that_is_larger_than_init_size_says_still_has_its_memory() {
    let mut kernel = bzimage();
    kernel[0x260..0x264].copy_from_slice(&0u32.to_le_bytes());
    kernel[0x22c..0x230].copy_from_slice(&0x20_1fffu32.to_le_bytes());
    let boot = boot(&kernel, Some(&[1; 0x1001]), KernelEntry::Auto);
    let ram = ram(SIZE);
    boot.load(&ram, &context()).unwrap();
    let params: boot_params = ram.read_obj(GuestAddress(BOOT_PARAMS.start)).unwrap();
    assert_eq!({ params.hdr.ramdisk_image }, 0x20_0000 - 0x2000);
}

#[test]
fn an_initrd_that_does_not_fit_or_is_none_is_refused() {
    let refused = |initrd: File| {
        let boot = KernelBoot { kernel: file(&bzimage()), initrd: Some(initrd), entry: KernelEntry::Auto };
        boot.load(&ram(SIZE), &context()).unwrap_err()
    };
    let huge = file(&[]);
    huge.set_len(1 << 40).unwrap();
    let error = refused(huge);
    assert!(matches!(error, BootError::InitrdTooLarge { size: 0x100_0000_0000, room: 0x5f_0000 }), "{error}");
    assert!(matches!(refused(file(&[])), BootError::Empty { payload: "initrd" }));
    assert!(matches!(refused(File::open("/").unwrap()), BootError::NotAFile { payload: "initrd", .. }));
}

#[test]
fn the_command_line_may_be_as_long_as_the_kernel_says() {
    let with = |kernel: &[u8], len: usize| {
        let context = BootContext { cmdline: "x".repeat(len), rsdp: None, reserved: None };
        boot(kernel, None, KernelEntry::Auto).load(&ram(SIZE), &context).map(|_| ())
    };
    with(&bzimage(), 15).unwrap();
    assert!(matches!(with(&bzimage(), 16), Err(BootError::CmdlineTooLong { len: 16, max: 15 })));
    with(&Elf::plain().bytes(), 2047).unwrap();
    assert!(matches!(with(&Elf::plain().bytes(), 2048), Err(BootError::CmdlineTooLong { max: 2047, .. })));
}

#[test]
fn without_acpi_no_rsdp_is_named() {
    let ram = ram(SIZE);
    let context = BootContext { cmdline: String::new(), rsdp: None, reserved: None };
    boot(&Elf::pvh(0x10_0020).bytes(), None, KernelEntry::Auto).load(&ram, &context).unwrap();
    let info: hvm_start_info = ram.read_obj(GuestAddress(START_INFO.start)).unwrap();
    assert_eq!((info.rsdp_paddr, info.memmap_entries), (0, 4));
}

#[test]
fn loading_again_after_clearing_gives_the_same_memory() {
    let boot = boot(&Elf::pvh(0x10_0020).bytes(), Some(&[7; 100]), KernelEntry::Auto);
    let ram = ram(SIZE);
    boot.load(&ram, &context()).unwrap();
    let first = bytes(&ram, 0..SIZE);
    ram.write_slice(&[0xee; 0x4000], GuestAddress(0x10_0000)).unwrap();
    ram.iter().for_each(|region| region.clear().unwrap());
    boot.load(&ram, &context()).unwrap();
    assert!(bytes(&ram, 0..SIZE) == first);
}

/// A kernel, and one to four of its bytes changed; the interesting ones are in the first 0x270.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base = prop_oneof![Just(Elf::plain().bytes()), Just(Elf::pvh(0x10_0020).bytes()), Just(bzimage()),];
    let change = (prop_oneof![0..0xf0usize, 0x1f0..0x270usize, 0..0x1400usize], any::<u8>());
    (base, prop::collection::vec(change, 1..5), prop::option::weighted(0.2, 0..0x1400usize)).prop_map(
        |(mut kernel, changes, len)| {
            for (at, value) in changes {
                if let Some(byte) = kernel.get_mut(at) {
                    *byte = value;
                }
            }
            kernel.truncate(len.unwrap_or(usize::MAX));
            kernel
        },
    )
}

/// Loads what may be no kernel at all, and checks that only the places of payload and structures were written.
fn survives(kernel: &[u8], entry: KernelEntry) -> Result<(), TestCaseError> {
    let ram = ram(SIZE);
    let region = ram.iter().next().unwrap();
    region.dirty().enable();
    let result = boot(kernel, Some(&[7; 100]), entry).load(&ram, &context());
    let dirty = |address: u64| region.dirty().dirty_at(address as usize);
    for page in (0..0x10_0000).step_by(0x1000) {
        let ours = START_INFO.contains(&page) || BOOT_PARAMS.contains(&page) || CMDLINE.contains(&page);
        prop_assert!(ours || !dirty(page), "the page at {page:#x} was written");
    }
    let written: u32 = region.dirty().harvest().iter().map(|word| word.count_ones()).sum();
    // The file has at most 6 KiB, each byte of which at most 128 segments can load; the initrd has a page.
    prop_assert!(written <= 128 * 3 + 4);
    match result {
        Ok(Entry::Pvh { rip, start_info }) => {
            prop_assert!(start_info == START_INFO.start && (0x10_0000..SIZE).contains(&rip))
        }
        Ok(Entry::Linux64 { rip, boot_params }) => {
            prop_assert!(boot_params == BOOT_PARAMS.start && (0x10_0000..SIZE).contains(&rip));
        }
        Ok(Entry::Reset) => prop_assert!(false, "no kernel starts so"),
        Err(error) => prop_assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

fn any_entry() -> impl Strategy<Value = KernelEntry> {
    let address = || prop_oneof![0..2 * SIZE, any::<u64>()];
    let raw = (address(), address()).prop_map(|(load, entry)| KernelEntry::Raw { load, entry });
    prop_oneof![Just(KernelEntry::Auto), Just(KernelEntry::Pvh), Just(KernelEntry::Linux64), raw]
}

proptest! {
    #[test]
    fn damaged_kernels_load_or_are_refused_and_write_nowhere_else(kernel in mutated(), entry in any_entry()) {
        survives(&kernel, entry)?;
    }

    #[test]
    fn random_program_headers_load_or_are_refused_and_write_nowhere_else(
        programs in prop::collection::vec(
            (prop_oneof![Just(1u32), Just(4), any::<u32>()], number(), number(), number(), number()), 0..6),
        entry in number(),
    ) {
        let programs = programs.into_iter().map(|(kind, offset, address, file_size, memory_size)| {
            testing::Program { kind, offset, address, file_size, memory_size }
        });
        let elf = Elf { entry, programs: programs.collect(), body: vec![0x11; 0x1000] };
        survives(&elf.bytes(), KernelEntry::Auto)?;
    }
}

/// Numbers near the borders of file, page, RAM and arithmetic.
fn number() -> impl Strategy<Value = u64> {
    let border = prop::sample::select(vec![0, 0x200, 0x1000, 0x1200, 0x10_0000, 0x20_0000, SIZE, 1 << 32, u64::MAX]);
    (border, 0..3u64, any::<bool>()).prop_map(
        |(border, near, above)| {
            if above { border.wrapping_add(near) } else { border.wrapping_sub(near) }
        },
    )
}
