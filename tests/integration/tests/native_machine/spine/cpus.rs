//! vCPUs: that each runs, and where each says that it stands.

use integration::machine::guest_bytes;
use vmm::{Backing, StopReason, VmEvent};

use super::{SCENES, found_in_this_process, machine};

#[test]
fn one_two_four_and_sixteen_vcpus_all_run_at_once() {
    for cpus in [1, 2, 4, 16] {
        let Some(machine) = machine("smp") else { return };
        let mut guest = machine.cpus(cpus).start();
        let answer = guest.answer("smp");
        assert_eq!(answer.number("cpus"), u64::from(cpus));
        assert_eq!(answer.numbers("counters"), (0..cpus).map(|_| 10).collect::<Vec<u64>>());
        assert_eq!(answer.numbers("lapic"), (0..u64::from(cpus)).collect::<Vec<u64>>());
        assert_eq!(answer.number("x2apic"), 1);
    }
}

#[test]
fn vcpus_start_and_wake_each_other_without_x2apic_too() {
    let Some(machine) = machine("xapic smp") else { return };
    let mut guest = machine.cpus(2).start();
    let answer = guest.answer("smp");
    assert_eq!(answer.number("x2apic"), 0);
    assert_eq!(answer.numbers("counters"), [10, 10]);
    assert_eq!(answer.number("wakes"), 1);
}

/// A topology, and what the guest must see of it: APIC ids, and each level of CPUID leaf 0xB as type, shift and vCPUs.
struct Arrangement {
    topology: (u32, u32, u32),
    ids: &'static [u64],
    levels: [(u64, u64, u64); 2],
}

/// Level types (Intel SDM, CPUID leaf 0xB).
const THREADS: u64 = 1;
const CORES: u64 = 2;

const ARRANGEMENTS: [Arrangement; 3] = [
    Arrangement { topology: (2, 3, 1), ids: &[0, 1, 2, 4, 5, 6], levels: [(THREADS, 0, 1), (CORES, 2, 3)] },
    Arrangement { topology: (1, 3, 2), ids: &[0, 1, 2, 3, 4, 5], levels: [(THREADS, 1, 2), (CORES, 3, 6)] },
    Arrangement { topology: (4, 1, 1), ids: &[0, 1, 2, 3], levels: [(THREADS, 0, 1), (CORES, 0, 1)] },
];

#[test]
fn tables_local_apics_and_cpuid_agree_on_the_topology() {
    for (arrangement, scene) in ARRANGEMENTS.iter().flat_map(|arrangement| SCENES.map(|scene| (arrangement, scene))) {
        let (sockets, cores, threads) = arrangement.topology;
        let Some(machine) = scene.script("smp topology") else { return };
        let mut guest = machine.topology(sockets, cores, threads).start();
        let started = guest.answer("smp");
        assert_eq!(started.numbers("table"), arrangement.ids, "on {scene:?}");
        assert_eq!(started.numbers("lapic"), arrangement.ids);
        let (levels, told) = guest.lines_until("topology ", "ok topology");
        for key in ["leaf1", "leafb", "lapic"] {
            assert_eq!(told.numbers(key), arrangement.ids, "{key}");
        }
        let levels: Vec<(u64, u64, u64)> =
            levels.iter().map(|level| (level.number("type"), level.number("shift"), level.number("cpus"))).collect();
        assert_eq!(levels, arrangement.levels, "of {sockets}x{cores}x{threads}");
        assert_eq!(told.number("hypervisor"), 1);
    }
}

#[test]
fn vcpus_that_may_come_later_are_listed_but_not_started() {
    const REGION: u64 = 76 << 20; // only this test's machines have so much
    let _guard = found_in_this_process();
    let Some(machine) = machine("smp") else { return };
    let mut guest = machine
        .cpus(2)
        .max_cpus(4)
        .memory_mib(REGION >> 20)
        .configured(|config| config.memory.backing = Backing::Memfd)
        .start();
    assert_eq!(guest.line("hello").number("cpus"), 2);
    let answer = guest.answer("smp");
    assert_eq!(answer.numbers("table"), [0, 1]);
    assert_eq!(answer.numbers("counters"), [10, 10]);
    // ACPI 6.5 table 5.21: bit 0 of the flags is "enabled", bit 1 "online capable".
    assert_eq!(local_apics(&guest_bytes(REGION, 0xe_0000, 0x1_0000)), [(0, 1), (1, 1), (2, 2), (3, 2)]);
}

/// APIC id and flags of each local APIC in the MADT among `tables`.
fn local_apics(tables: &[u8]) -> Vec<(u8, u8)> {
    let start = tables.windows(4).position(|bytes| bytes == b"APIC").expect("a MADT");
    let length = u32::from_le_bytes(tables[start + 4..start + 8].try_into().unwrap()) as usize;
    let mut entries = &tables[start + 44..start + length];
    let mut found = Vec::new();
    while let [kind, length, ..] = *entries {
        let (entry, rest) = entries.split_at(length.into());
        // Processor Local APIC Structure (ACPI 6.5 5.2.12.2).
        if kind == 0 {
            found.push((entry[3], entry[4]));
        }
        entries = rest;
    }
    found
}

#[test]
fn vcpus_that_may_come_later_but_have_no_apic_id_are_left_out_with_a_warning() {
    let Some(machine) = machine("smp poweroff") else { return };
    let mut guest = machine.cpus(2).max_cpus(256).start();
    assert_eq!(guest.event(), VmEvent::CpusLeftOut { wanted: 256, possible: 255 });
    assert_eq!(guest.event(), VmEvent::Started);
    assert_eq!(guest.answer("smp").number("cpus"), 2);
    assert_eq!(guest.stopped(), StopReason::PoweredOff);
}
