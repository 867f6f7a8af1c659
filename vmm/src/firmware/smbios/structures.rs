//! The structures that DSP0134 requires (6.2) of a machine like this.

use super::SmbiosConfig;
use super::structure::{Handle, Structure};
use std::ops::Range;

const FIRMWARE: u8 = 0;
const SYSTEM: u8 = 1;
const BOARD: u8 = 2;
const CHASSIS: u8 = 3;
const PROCESSOR: u8 = 4;
const MEMORY_ARRAY: u8 = 16;
const MEMORY_DEVICE: u8 = 17;
const ARRAY_ADDRESS: u8 = 19;
const BOOT_STATUS: u8 = 32;
const END: u8 = 127;

const FIRMWARE_HANDLE: Handle = Handle(0x0000);
const SYSTEM_HANDLE: Handle = Handle(0x0100);
const BOARD_HANDLE: Handle = Handle(0x0200);
const CHASSIS_HANDLE: Handle = Handle(0x0300);
const FIRST_PROCESSOR: u16 = 0x0400;
const MEMORY_ARRAY_HANDLE: Handle = Handle(0x1000);
const FIRST_MEMORY_DEVICE: u16 = 0x1100;
const FIRST_ARRAY_ADDRESS: u16 = 0x1300;
const BOOT_STATUS_HANDLE: Handle = Handle(0x2000);
const END_HANDLE: Handle = Handle(0x7f00);
/// No such structure.
const NONE: Handle = Handle(0xffff);
/// There is nobody who would tell of memory errors.
const NO_ERRORS: Handle = Handle(0xfffe);

/// "Other" and "unknown" stand for 1 and 2 in every enumeration.
const OTHER: u8 = 1;
const UNKNOWN: u8 = 2;
const NO_ERROR_CORRECTION: u8 = 3;

/// Modules are told of up to this size, so that no field of 32 bits with MiB overflows.
const LARGEST_MODULE: u64 = 16 << 30;
/// Modules at most: a machine with more RAM has larger ones.
const MAX_MODULES: u64 = 64;
const MIB: u64 = 1 << 20;

/// All, in order of type.
pub(super) fn all(config: &SmbiosConfig) -> Vec<Structure> {
    let mut structures = vec![firmware(config), system(config), board(config), chassis(config)];
    structures.extend((0..config.sockets).map(|socket| processor(config, socket)));
    let total = config.ram.iter().map(|range| range.end - range.start).sum();
    let modules = modules(total);
    structures.push(memory_array(total, modules.len()));
    structures.extend((0..).zip(&modules).map(|(index, size)| memory_device(index, *size)));
    structures.extend((0..).zip(&config.ram).map(|(index, range)| array_address(index, range, modules.len())));
    structures.extend([boot_status(), Structure::new(END, END_HANDLE)]);
    structures
}

/// 7.1.
fn firmware(config: &SmbiosConfig) -> Structure {
    /// "Characteristics are not told here": the second extension byte does.
    const CHARACTERISTICS: u64 = 1 << 3;
    /// A virtual machine.
    const VIRTUAL_MACHINE: u8 = 1 << 4;
    let mut table = Structure::new(FIRMWARE, FIRMWARE_HANDLE);
    table.text(&config.manufacturer).text(&config.firmware_version).word(0xe800).text("");
    table.byte(0).qword(CHARACTERISTICS).bytes(&[0, VIRTUAL_MACHINE]);
    // Releases of system firmware and embedded controller: not told.
    table.bytes(&[0xff; 4]).word(0);
    table
}

/// 7.2.
fn system(config: &SmbiosConfig) -> Structure {
    const POWER_SWITCH: u8 = 6;
    let mut table = Structure::new(SYSTEM, SYSTEM_HANDLE);
    table.text(&config.manufacturer).text(&config.product).text(&config.version).text(&config.serial);
    table.bytes(&mixed_endian(config.uuid)).byte(POWER_SWITCH).text(&config.sku).text(&config.family);
    table
}

/// 7.3.
fn board(config: &SmbiosConfig) -> Structure {
    const HOSTING: u8 = 1 << 0;
    const MOTHERBOARD: u8 = 0x0a;
    let mut table = Structure::new(BOARD, BOARD_HANDLE);
    table.text(&config.manufacturer).text(&config.product).text(&config.version).text(&config.serial).text("");
    table.byte(HOSTING).text("").handle(CHASSIS_HANDLE).byte(MOTHERBOARD).byte(0);
    table
}

/// 7.4.
fn chassis(config: &SmbiosConfig) -> Structure {
    const SAFE: u8 = 3;
    let mut table = Structure::new(CHASSIS, CHASSIS_HANDLE);
    table.text(&config.manufacturer).byte(OTHER).text(&config.version).text(&config.serial).text(&config.asset_tag);
    // Boot-up, power supply, thermal state, security.
    table.bytes(&[SAFE, SAFE, SAFE, UNKNOWN]);
    // OEM, height, power cords, contained elements and their length.
    table.dword(0).bytes(&[0; 4]).text(&config.sku);
    table
}

/// 7.5.
fn processor(config: &SmbiosConfig, socket: u16) -> Structure {
    const CENTRAL: u8 = 3;
    /// Populated, enabled.
    const ENABLED: u8 = 0x41;
    /// 64-bit capable; with several cores or threads, what those bits say.
    const WIDE: u16 = 1 << 2;
    const MULTI_CORE: u16 = 1 << 3;
    const MULTI_THREAD: u16 = 1 << 4;
    let threads = config.cores.saturating_mul(config.threads);
    let several = |count: u16, bit: u16| if count > 1 { bit } else { 0 };
    let characteristics = WIDE | several(config.cores, MULTI_CORE) | several(config.threads, MULTI_THREAD);
    let mut table = Structure::new(PROCESSOR, Handle(FIRST_PROCESSOR.saturating_add(socket)));
    table.text(&format!("CPU {socket}")).bytes(&[CENTRAL, OTHER]).text(&config.manufacturer);
    // The processor's id, which CPUID tells.
    table.qword(0).text(&config.version).byte(0);
    // External clock, and speeds in MHz: not told.
    table.word(0).word(0).word(0).bytes(&[ENABLED, OTHER]);
    // Its caches: CPUID tells of them.
    table.handle(NONE).handle(NONE).handle(NONE).text("").text("").text("");
    table.bytes(&[short(config.cores), short(config.cores), short(threads)]);
    // The longer form of the family, which would count with another one.
    table.word(characteristics).word(UNKNOWN.into());
    table.word(config.cores).word(config.cores).word(threads).word(threads);
    table
}

/// 7.17.
fn memory_array(total: u64, modules: usize) -> Structure {
    const SYSTEM_BOARD: u8 = 3;
    const SYSTEM_MEMORY: u8 = 3;
    /// In KiB, or this: the extended field has it in bytes.
    const EXTENDED: u32 = 0x8000_0000;
    let kib = u32::try_from(total >> 10).ok().filter(|kib| *kib < EXTENDED);
    let mut table = Structure::new(MEMORY_ARRAY, MEMORY_ARRAY_HANDLE);
    table.bytes(&[SYSTEM_BOARD, SYSTEM_MEMORY, NO_ERROR_CORRECTION]).dword(kib.unwrap_or(EXTENDED));
    table.handle(NO_ERRORS).word(count(modules)).qword(if kib.is_some() { 0 } else { total });
    table
}

/// 7.18.
fn memory_device(index: u16, size: u64) -> Structure {
    const DIMM: u8 = 9;
    const RAM: u8 = 7;
    const OTHER_DETAIL: u16 = 1 << 1;
    /// The extended field has the size, in MiB.
    const EXTENDED: u16 = 0x7fff;
    /// In KiB.
    const KIB: u16 = 1 << 15;
    let (mib, kib) = (size / MIB, size >> 10);
    let short = match u16::try_from(mib).ok().filter(|mib| *mib < EXTENDED) {
        Some(_) if !size.is_multiple_of(MIB) && kib < u64::from(KIB) => KIB | u16::try_from(kib).unwrap_or(0),
        Some(mib) => mib,
        None => EXTENDED,
    };
    let extended = if short == EXTENDED { u32::try_from(mib).unwrap_or(0x7fff_ffff) } else { 0 };
    let mut table = Structure::new(MEMORY_DEVICE, Handle(FIRST_MEMORY_DEVICE.saturating_add(index)));
    table.handle(MEMORY_ARRAY_HANDLE).handle(NO_ERRORS);
    // Total and data width: not told.
    table.word(0xffff).word(0xffff).word(short).bytes(&[DIMM, 0]);
    table.text(&format!("DIMM {index}")).text("").byte(RAM).word(OTHER_DETAIL).word(0);
    table.text("").text("").text("").text("");
    // Rank, extended size, configured speed and voltages: not told, but for the size.
    table.byte(0).dword(extended).word(0).bytes(&[0; 6]);
    table
}

/// 7.20.
fn array_address(index: u16, range: &Range<u64>, modules: usize) -> Structure {
    /// In KiB, both ends within the range; or this: the extended fields have it in bytes.
    const EXTENDED: u32 = u32::MAX;
    let last = range.end.saturating_sub(1);
    let kib = |address: u64| u32::try_from(address >> 10).ok();
    let short = kib(range.start).zip(kib(last).filter(|last| *last < EXTENDED));
    let (start, end) = short.unwrap_or((EXTENDED, EXTENDED));
    let mut table = Structure::new(ARRAY_ADDRESS, Handle(FIRST_ARRAY_ADDRESS.saturating_add(index)));
    table.dword(start).dword(end).handle(MEMORY_ARRAY_HANDLE);
    table.byte(u8::try_from(modules).unwrap_or(u8::MAX)); // bounded by MAX_MODULES
    let (start, last) = if short.is_some() { (0, 0) } else { (range.start, last) };
    table.qword(start).qword(last);
    table
}

/// 7.33: no errors.
fn boot_status() -> Structure {
    let mut table = Structure::new(BOOT_STATUS, BOOT_STATUS_HANDLE);
    table.bytes(&[0; 6]).byte(0);
    table
}

/// How `total` bytes of RAM are told as modules.
fn modules(total: u64) -> Vec<u64> {
    let size = total.div_ceil(MAX_MODULES).next_multiple_of(LARGEST_MODULE).max(LARGEST_MODULE);
    let full = usize::try_from(total / size).unwrap_or(0); // bounded by MAX_MODULES
    let rest = Some(total % size).filter(|rest| *rest > 0);
    std::iter::repeat_n(size, full).chain(rest).collect()
}

/// A UUID as SMBIOS has it since 2.6: the first three fields are little-endian (7.2.1).
fn mixed_endian(uuid: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = uuid;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// A count for a field of one byte; the field of two bytes has those from 255 on.
fn short(count: u16) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

fn count(items: usize) -> u16 {
    u16::try_from(items).unwrap_or(u16::MAX)
}
