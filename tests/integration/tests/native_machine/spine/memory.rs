//! RAM of every size: all of it works, each address is an address of its own, and the map tells the truth.

use integration::machine::{Answer, guest_bytes, long, pattern_word};
use vmm::Backing;

use super::{found_in_this_process, machine};

const PAGE: u64 = 4096;
const GIB: u64 = 1 << 30;
const FOUR_GIB: u64 = 4 * GIB;
/// Where low RAM ends in machines of 2.75 GiB and more.
const SPLIT: u64 = 2 * GIB;

/// The guest verified the pattern over its RAM; the host checks the three samples that it printed.
fn assert_samples(answer: &Answer, low_end: u64, end: u64) {
    let samples = answer.pairs("sample");
    let addresses: Vec<u64> = samples.iter().map(|(address, _)| *address).collect();
    assert_eq!(addresses[1..], [low_end - PAGE, end - PAGE], "the pages beside the hole and at the end");
    for (address, value) in samples {
        assert_eq!(value, pattern_word(address, 0), "at {address:#x}");
    }
}

#[test]
fn sixteen_mib_of_ram_hold_a_pattern_in_every_word() {
    let Some(machine) = machine("mem") else { return };
    let mut guest = machine.memory_mib(16).start();
    let answer = guest.answer("mem");
    assert_eq!(answer.number("touched"), answer.number("bytes"));
    assert_samples(&answer, 16 << 20, 16 << 20);
}

#[test]
fn a_hundred_and_twenty_eight_mib_of_ram_hold_a_pattern_in_every_word() {
    let Some(machine) = machine("mem mem=verify") else { return };
    let mut guest = machine.memory_mib(128).start();
    let answer = guest.answer("mem");
    // All but the guest's own image and the first MiB's reserved parts.
    assert!(answer.number("touched") > 124 << 20, "{answer:?}");
    assert_samples(&answer, 128 << 20, 128 << 20);
    assert_eq!(guest.answer("mem").number("touched"), answer.number("touched"));
}

#[test]
fn three_gib_of_ram_hold_a_pattern_on_both_sides_of_the_hole() {
    let Some(machine) = machine(long("mem", "mem=sparse")) else { return };
    let mut guest = machine.memory_mib(3 << 10).start();
    let answer = guest.answer("mem");
    assert!(answer.number("bytes") > 3 * GIB - (4 << 20), "{answer:?}");
    assert_samples(&answer, SPLIT, FOUR_GIB + GIB);
}

#[test]
fn five_gib_of_ram_reach_far_above_the_hole() {
    let Some(machine) = machine("mem=sparse") else { return };
    let mut guest = machine.memory_mib(5 << 10).start();
    let answer = guest.line("ok mem");
    assert!(answer.number("bytes") > 5 * GIB - (4 << 20), "{answer:?}");
    assert_samples(&answer, SPLIT, FOUR_GIB + 3 * GIB);
}

#[test]
fn what_the_guest_writes_stands_at_the_same_place_in_the_host_s_memory() {
    let _guard = found_in_this_process();
    let Some(machine) = machine("mem=sparse") else { return };
    let mut guest = machine.memory_mib(3 << 10).configured(|config| config.memory.backing = Backing::Memfd).start();
    let answer = guest.answer("mem");
    assert_samples(&answer, SPLIT, FOUR_GIB + GIB);
    for (address, value) in answer.pairs("sample") {
        let (region, offset) = if address < SPLIT { (SPLIT, address) } else { (GIB, address - FOUR_GIB) };
        assert_eq!(guest_bytes(region, offset, 8), value.to_le_bytes(), "at {address:#x}");
    }
}

#[test]
fn the_memory_map_lists_all_ram_and_reserves_what_is_not_the_guest_s() {
    for (mib, usable_end) in
        [(16, 16 << 20), (128, 128 << 20), (3 << 10, FOUR_GIB + GIB), (5 << 10, FOUR_GIB + 3 * GIB)]
    {
        let Some(machine) = machine("e820") else { return };
        let mut guest = machine.memory_mib(mib).start();
        let (lines, answer) = guest.lines_until("e820 ", "ok e820");
        let map: Vec<(u64, u64, u64)> =
            lines.iter().map(|line| (line.number("start"), line.number("end"), line.number("type"))).collect();
        assert!(map.is_sorted_by(|one, next| one.1 <= next.0), "in order, without overlap: {map:x?}");
        let usable: Vec<(u64, u64)> = map.iter().filter(|entry| entry.2 == 1).map(|entry| (entry.0, entry.1)).collect();
        assert_eq!(usable.last().unwrap().1, usable_end);
        // All that is missing is the reserved part of the first MiB.
        assert_eq!(answer.number("usable"), (mib << 20) - (0x10_0000 - 0x9_fc00));
        assert!(
            !usable.iter().any(|(start, end)| *start < FOUR_GIB && *end > 0xb000_0000),
            "RAM over devices: {map:x?}"
        );
        for page in [0x9_fc00, 0xe_0000, 0xf_0000, 0xfeff_c000, 0xfeff_d000, 0xfeff_f000] {
            let holder = map.iter().find(|entry| (entry.0..entry.1).contains(&page));
            assert!(holder.is_some_and(|entry| entry.2 != 1), "{page:#x} is not reserved: {map:x?}");
        }
    }
}
