//! The MP table (Intel MultiProcessor Specification 1.4), which stands in for ACPI.

use crate::acpi::search;
use crate::cpu::read_physical;
use crate::platform::Platform;

/// Reads the table, if there is one. CPUs and interrupts count only when ACPI gave none.
pub fn discover(found: &mut Platform) {
    let pointer = search(0x9_fc00, 0xa_0000, b"_MP_").or_else(|| search(0xf_0000, 0x10_0000, b"_MP_"));
    let Some(pointer) = pointer else { return };
    found.mp_table = pointer;
    if found.rsdp != 0 {
        return;
    }
    // SAFETY: everything below 4 GiB is mapped; the table may lie on any address, so it is read by bytes.
    let byte = |address: u64| -> u8 { unsafe { read_physical(address) } };
    let word = |address: u64| (0..4).fold(0, |value, index| value | u32::from(byte(address + index)) << (8 * index));
    let half = |address: u64| word(address) & 0xffff;
    let table = u64::from(word(pointer + 4));
    if table == 0 || word(table) != u32::from_le_bytes(*b"PCMP") {
        return;
    }
    let size = u64::from(half(table + 4));
    let total = (0..size).fold(0u8, |sum, offset| sum.wrapping_add(byte(table + offset)));
    let pointer_total = (0..16).fold(0u8, |sum, offset| sum.wrapping_add(byte(pointer + offset)));
    found.bad_checksums += u32::from(total != 0) + u32::from(pointer_total != 0);
    found.tables.push_str("PCMP");
    let mut entry = table + 44;
    // By the table's length, as Linux does: not every firmware counts the entries.
    while entry < table + size {
        match byte(entry) {
            // Processor: 20 bytes; flag 0 says enabled.
            0 => {
                if byte(entry + 3) & 1 != 0 {
                    found.apic_ids.push(u32::from(byte(entry + 1)));
                }
                entry += 12;
            }
            2 => found.io_apics.push((u64::from(word(entry + 4)), 0)),
            3 => {
                let (irq, pin) = (u32::from(byte(entry + 5)), u32::from(byte(entry + 7)));
                if irq != pin {
                    found.overrides.push((irq, pin));
                }
            }
            _ => {}
        }
        entry += 8;
    }
}
