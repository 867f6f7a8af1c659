//! The XSAVE area (leaf 0xD): which state components there are, and how large it gets.

use super::set_bit;
use super::table::Table;

/// AMX's tile configuration (component 17).
const TILE_CONFIG: u64 = 1 << 17;
/// AMX's tile data (component 18).
const TILE_DATA: u64 = 1 << 18;
/// Components that a process may give to guests only after asking for them (arch_prctl, ARCH_REQ_XCOMP_GUEST_PERM).
const DYNAMIC: u64 = TILE_DATA;

const LEAF: u32 = 0xd;
/// The legacy area and the XSAVE header: the least there is.
const LEGACY_AND_HEADER: u32 = 576;

/// Leaves out the dynamic components that are not in `permitted`, and the features that need them.
pub(super) fn apply(table: &mut Table, permitted: u64) {
    if !table.has(LEAF) {
        amx(table, false);
        return;
    }
    let supported = components(table) & (permitted | !DYNAMIC);
    // The two components of AMX are of no use, and in XCR0 not allowed, without each other.
    let has_amx = supported & (TILE_CONFIG | TILE_DATA) == TILE_CONFIG | TILE_DATA;
    let components = if has_amx { supported } else { supported & !(TILE_CONFIG | TILE_DATA) };
    amx(table, has_amx);

    let supervisor = {
        let leaf = table.get(LEAF, 1);
        u64::from(leaf.edx) << 32 | u64::from(leaf.ecx)
    };
    table.retain(|entry| entry.function != LEAF || entry.index < 2 || has(components | supervisor, entry.index));
    let size = table
        .entries()
        .iter()
        .filter(|entry| entry.function == LEAF && entry.index >= 2 && has(components, entry.index))
        .map(|entry| entry.eax.saturating_add(entry.ebx)) // size and offset in the standard format
        .fold(LEGACY_AND_HEADER, u32::max);

    let main = table.leaf(LEAF);
    main.eax = low(components);
    main.edx = low(components >> 32);
    main.ecx = size;
    main.ebx = LEGACY_AND_HEADER; // for XCR0 as it is after reset; KVM follows XCR0 from there
}

/// The user state components that the table tells.
fn components(table: &Table) -> u64 {
    let leaf = table.get(LEAF, 0);
    u64::from(leaf.edx) << 32 | u64::from(leaf.eax)
}

fn has(components: u64, index: u32) -> bool {
    components.checked_shr(index).is_some_and(|rest| rest & 1 == 1)
}

/// The lower half of `value`.
#[expect(clippy::cast_possible_truncation, reason = "the half is what is asked for")]
fn low(value: u64) -> u32 {
    value as u32
}

/// Takes AMX's features away when its state is not there.
fn amx(table: &mut Table, there: bool) {
    const AMX_BF16: u32 = 22; // leaf 7.0 EDX
    const AMX_TILE: u32 = 24; // leaf 7.0 EDX
    const AMX_INT8: u32 = 25; // leaf 7.0 EDX
    const AMX_FP16: u32 = 21; // leaf 7.1 EAX
    const AMX_COMPLEX: u32 = 8; // leaf 7.1 EDX
    const XFD: u32 = 4; // leaf 0xD.1 EAX: faults at first use, of dynamic components only
    if there {
        return;
    }
    for entry in table.subleaves(7) {
        match entry.index {
            0 => {
                for bit in [AMX_BF16, AMX_TILE, AMX_INT8] {
                    set_bit(&mut entry.edx, bit, false);
                }
            }
            1 => {
                set_bit(&mut entry.eax, AMX_FP16, false);
                set_bit(&mut entry.edx, AMX_COMPLEX, false);
            }
            _ => {}
        }
    }
    for entry in table.subleaves(LEAF).filter(|entry| entry.index == 1) {
        set_bit(&mut entry.eax, XFD, false);
    }
    table.remove(0x1d); // tile palettes
    table.remove(0x1e); // tile multiply unit
}
