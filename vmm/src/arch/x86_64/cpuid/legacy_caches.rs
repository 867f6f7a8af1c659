//! The cache topology leaf (0x8000_001D) of a host that tells its caches only by AMD's older leaves.

use super::table::{Regs, Table};

/// The first level's caches.
const LEVEL_1: u32 = 0x8000_0005;
/// The second and third level's caches.
const LEVEL_2_3: u32 = 0x8000_0006;

/// Types of caches (EAX 4:0).
const DATA: u32 = 1;
const INSTRUCTION: u32 = 2;
const UNIFIED: u32 = 3;
const SELF_INITIALIZING: u32 = 1 << 8;
const FULLY_ASSOCIATIVE: u32 = 1 << 9;

/// How many ways a cache has.
#[derive(Clone, Copy)]
enum Ways {
    Number(u32),
    /// As many as it has lines.
    All,
}

/// The subleaves of 0x8000_001D, the one of no type at the end included; who shares them is left open.
pub(super) fn as_cache_topology(table: &Table) -> Vec<Regs> {
    let (first, others) = (table.get(LEVEL_1, 0), table.get(LEVEL_2_3, 0));
    [
        cache(DATA, 1, first.ecx >> 24 << 10, ways_of_level_1(first.ecx), first.ecx),
        cache(INSTRUCTION, 1, first.edx >> 24 << 10, ways_of_level_1(first.edx), first.edx),
        cache(UNIFIED, 2, others.ecx >> 16 << 10, ways_of_others(others.ecx), others.ecx),
        cache(UNIFIED, 3, others.edx >> 18 << 19, ways_of_others(others.edx), others.edx),
    ]
    .into_iter()
    .flatten()
    .chain([Regs::default()])
    .collect()
}

/// One cache of `size` bytes whose lines' size stands in bits 7:0 of `register`; none when there is no such cache.
fn cache(kind: u32, level: u32, size: u32, ways: Option<Ways>, register: u32) -> Option<Regs> {
    let line = register & 0xff;
    let lines = size.checked_div(line).filter(|lines| *lines > 0)?;
    let (ways, flag) = match ways? {
        Ways::Number(ways) => (ways, 0),
        Ways::All => (lines, FULLY_ASSOCIATIVE),
    };
    Some(Regs {
        eax: kind | level << 5 | SELF_INITIALIZING | flag,
        ebx: (ways - 1).min(0x3ff) << 22 | (line - 1),
        ecx: (lines / ways).max(1) - 1,
        edx: 0,
    })
}

/// Bits 23:16: the number itself (AMD APM 3, E.4.4).
fn ways_of_level_1(register: u32) -> Option<Ways> {
    match register >> 16 & 0xff {
        0 => None,
        0xff => Some(Ways::All),
        ways => Some(Ways::Number(ways)),
    }
}

/// Bits 15:12: a code (AMD APM 3, E.4.5). 9 sends software to 0x8000_001D, which such a host has.
fn ways_of_others(register: u32) -> Option<Ways> {
    Some(match register >> 12 & 0xf {
        ways @ 1..=5 => Ways::Number(ways),
        6 => Ways::Number(8),
        8 => Ways::Number(16),
        0xa => Ways::Number(32),
        0xb => Ways::Number(48),
        0xc => Ways::Number(64),
        0xd => Ways::Number(96),
        0xe => Ways::Number(128),
        0xf => Ways::All,
        _ => return None,
    })
}
