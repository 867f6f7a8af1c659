//! Linux's `boot_params` for the 64-bit entry (Linux's Documentation/arch/x86/{boot,zero-page}.rst).

use super::error::BootError;
use super::memory_map::MapEntry;
use crate::memory::GuestRam;
use crate::memory::layout::{BOOT_PARAMS, CMDLINE};
use linux_loader::bootparam::{boot_e820_entry, boot_params, setup_header};
use std::ops::Range;
use vm_memory::{Bytes, GuestAddress};

/// `type_of_loader`: a loader without a number of its own (so `ext_loader_type` stays 0).
const UNKNOWN_LOADER: u8 = 0xff;
/// `loadflags`: there is a heap for real-mode code. There is none: that code does not run.
const CAN_USE_HEAP: u8 = 0x80;

/// The setup header for a kernel that comes without one.
pub(super) fn header_of_elf() -> setup_header {
    setup_header {
        boot_flag: 0xaa55,
        header: 0x5372_6448, // "HdrS"
        version: 0x20f,
        loadflags: 1,
        kernel_alignment: 0x100_0000,
        ..Default::default()
    }
}

/// Writes `boot_params` with `header` to [`BOOT_PARAMS`].
///
/// # Errors
/// There is no such memory.
pub(super) fn write(
    ram: &GuestRam,
    header: setup_header,
    initrd: Option<Range<u64>>,
    rsdp: Option<u64>,
    map: &[MapEntry],
) -> Result<(), BootError> {
    let mut params = boot_params { hdr: header, acpi_rsdp_addr: rsdp.unwrap_or(0), ..Default::default() };
    params.hdr.type_of_loader = UNKNOWN_LOADER;
    params.hdr.ext_loader_type = 0;
    params.hdr.ext_loader_ver = 0;
    params.hdr.loadflags &= !CAN_USE_HEAP;
    (params.hdr.cmd_line_ptr, params.ext_cmd_line_ptr) = halves(CMDLINE.start);
    let initrd = initrd.unwrap_or_default();
    (params.hdr.ramdisk_image, params.ext_ramdisk_image) = halves(initrd.start);
    (params.hdr.ramdisk_size, params.ext_ramdisk_size) = halves(initrd.end - initrd.start);
    let mut table = params.e820_table;
    for ((written, entry), count) in table.iter_mut().zip(map).zip(1u8..) {
        let Range { start, end } = entry.range;
        *written = boot_e820_entry { addr: start, size: end - start, r#type: entry.kind.number() };
        params.e820_entries = count;
    }
    params.e820_table = table;
    ram.write_obj(params, GuestAddress(BOOT_PARAMS.start)).map_err(BootError::Structures)
}

/// The low and the high 32 bits, which stand in different fields.
fn halves(value: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_its_halves() {
        assert_eq!(halves(0x1_2345_6789), (0x2345_6789, 1));
    }
}
