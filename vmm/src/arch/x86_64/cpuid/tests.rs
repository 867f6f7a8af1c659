#![allow(clippy::unwrap_used)]

use super::decoder::{Arrangement, Guest};
use super::*;
use crate::config::CpuTopology;
use proptest::prelude::*;

const EAX: usize = 0;
const EBX: usize = 1;
const ECX: usize = 2;
const EDX: usize = 3;

const TILE_DATA: u64 = 1 << 18;

fn host(supported: &[kvm_cpuid_entry2]) -> HostCpu<'_> {
    HostCpu { supported, tsc_deadline: true, tsc_khz: Some(2_600_000), permitted_xstate: 0, invariant_tsc: true }
}

fn topology(sockets: u32, cores: u32, threads: u32) -> Topology {
    Topology::new(CpuTopology { sockets, cores, threads }, 1).unwrap()
}

fn guest(host: &HostCpu<'_>) -> Guest {
    Guest(Cpuid::new(host, topology(1, 1, 1)).unwrap().of_vcpu(0).unwrap())
}

fn guests(host: &HostCpu<'_>, topology: Topology) -> Vec<Guest> {
    let cpuid = Cpuid::new(host, topology).unwrap();
    (0..topology.cpus()).map(|index| Guest(cpuid.of_vcpu(index).unwrap())).collect()
}

/// What Linux compares before it prints `[Firmware Bug]`, and more.
fn agree(guests: &[Guest], (sockets, cores, threads): (u32, u32, u32)) {
    let topology = topology(sockets, cores, threads);
    let expected = Arrangement {
        core_shift: topology.core_shift(),
        socket_shift: topology.socket_shift(),
        threads_per_core: threads,
        cpus_per_socket: cores * threads,
    };
    for (index, guest) in (0..).zip(guests) {
        let place = topology.place(index);
        assert_eq!(guest.initial_apic_id(), place.apic_id);
        assert_eq!(guest.extended_topology(0xb), Some((expected, place.apic_id)));
        assert_eq!(guest.bit(1, 0, EDX, 28), cores * threads > 1, "HTT");
        if guest.is_amd() {
            assert_eq!(guest.amd(), (expected, [place.apic_id, place.core, place.socket]));
            assert_eq!(guest.extended_topology(0x1f), None);
            assert_eq!(guest.cpuid(0x8000_0026, 0), [0; 4]);
            assert_eq!(guest.bit(0x8000_0001, 0, ECX, 1), cores * threads > 1, "CmpLegacy");
        } else {
            assert_eq!(guest.extended_topology(0x1f), Some((expected, place.apic_id)));
            assert_eq!(guest.legacy_intel(), (expected.core_shift, expected.socket_shift));
        }
    }
}

#[test]
fn every_leaf_tells_the_same_topology() {
    for supported in [samples::intel(), samples::amd()] {
        for shape in
            [(1, 1, 1), (2, 3, 1), (1, 3, 2), (16, 1, 1), (2, 2, 2), (1, 16, 1), (3, 5, 1), (1, 1, 2), (2, 1, 3)]
        {
            agree(&guests(&host(&supported), topology(shape.0, shape.1, shape.2)), shape);
        }
    }
}

#[test]
fn the_first_two_cache_levels_are_shared_by_a_core_and_the_third_by_a_socket() {
    for supported in [samples::intel(), samples::amd()] {
        let topology = topology(2, 3, 2);
        let guests = guests(&host(&supported), topology);
        for (a, b) in (0..12).flat_map(|a| (0..12).map(move |b| (a, b))) {
            let (left, right) = (topology.place(a), topology.place(b));
            let caches = guests[a as usize].caches();
            assert_eq!(caches.iter().map(|cache| cache.level).collect::<Vec<_>>(), [1, 1, 2, 3]);
            for cache in caches {
                let shared = left.apic_id >> cache.shift == right.apic_id >> cache.shift;
                let same_socket = left.socket == right.socket;
                let expected = if cache.level < 3 { same_socket && left.core == right.core } else { same_socket };
                assert_eq!(shared, expected, "level {} of vCPUs {a} and {b}", cache.level);
            }
        }
    }
}

#[test]
fn an_amd_host_that_lists_no_topology_extensions_gives_its_guests_the_same_leaves() {
    let mut supported = samples::amd();
    supported.retain(|entry| !matches!(entry.function, 0x8000_001d | 0x8000_001e));
    for entry in &mut supported {
        match entry.function {
            0x8000_0000 => entry.eax = 0x8000_000a,
            0x8000_0001 => entry.ecx &= !(1 << 22),
            _ => (),
        }
    }
    for shape in [(1, 1, 1), (2, 3, 1), (1, 3, 2)] {
        let guests = guests(&host(&supported), topology(shape.0, shape.1, shape.2));
        assert!(guests[0].bit(0x8000_0001, 0, ECX, 22), "TopologyExtensions");
        assert!(guests[0].cpuid(0x8000_0000, 0)[EAX] >= 0x8000_001e);
        agree(&guests, shape);
    }
}

#[test]
fn caches_that_only_the_older_leaves_tell_are_told_by_the_newer_one() {
    let mut supported = samples::amd();
    // What a Genoa's own leaf 0x8000_001D says, without who shares it: 32, 32 KiB and 1 MiB of 8 ways; 32 MiB of 16.
    let caches = supported.iter().filter(|entry| entry.function == 0x8000_001d);
    let expected: Vec<_> = caches.map(|entry| [entry.eax & 0x3fff, entry.ebx, entry.ecx]).collect();
    supported.retain(|entry| entry.function != 0x8000_001d);
    for (function, ecx, edx) in [(0x8000_0005, 0x2008_0140, 0x2008_0140), (0x8000_0006, 0x0400_6140, 0x0100_8140)] {
        supported.push(kvm_cpuid_entry2 { function, ecx, edx, ..Default::default() });
    }
    let guest = guest(&host(&supported));
    for (index, expected) in (0..).zip(expected) {
        let [eax, ebx, ecx, _] = guest.cpuid(0x8000_001d, index);
        assert_eq!([eax & 0x3fff, ebx, ecx], expected, "cache {index}");
    }
}

#[test]
fn nothing_is_told_of_caches_that_the_host_does_not_tell() {
    let mut supported = samples::amd();
    supported.retain(|entry| entry.function != 0x8000_001d);
    let guest = guest(&host(&supported));
    assert_eq!(guest.cpuid(0x8000_001d, 0), [0; 4]);
}

#[test]
fn the_x2apic_leaf_is_there_on_hosts_whose_basic_leaves_end_before_it() {
    let mut supported = samples::amd();
    supported.retain(|entry| entry.function >= 0x4000_0000 || entry.function < 7);
    supported.iter_mut().find(|entry| entry.function == 0).unwrap().eax = 6;
    agree(&guests(&host(&supported), topology(2, 3, 1)), (2, 3, 1));
}

#[test]
fn the_tsc_deadline_comes_from_its_capability_and_x2apic_and_hypervisor_are_always_told() {
    for supported in [samples::intel(), samples::amd()] {
        for tsc_deadline in [true, false] {
            let guest = guest(&HostCpu { tsc_deadline, ..host(&supported) });
            assert_eq!(guest.bit(1, 0, ECX, 24), tsc_deadline);
            assert!(guest.bit(1, 0, ECX, 21), "x2APIC");
            assert!(guest.bit(1, 0, ECX, 31), "hypervisor");
            assert!(!guest.bit(1, 0, ECX, 27), "OSXSAVE follows CR4");
        }
    }
}

#[test]
fn what_is_not_part_of_the_saved_state_is_not_offered() {
    let intel = samples::intel();
    let intel = guest(&host(&intel));
    let amd = samples::amd();
    let amd = guest(&host(&amd));
    assert!(!intel.bit(1, 0, ECX, 5), "VMX");
    assert!(!intel.bit(1, 0, ECX, 15), "PDCM");
    assert!(!intel.bit(7, 0, EBX, 2) && !intel.bit(7, 0, ECX, 30), "SGX");
    assert!(!intel.bit(7, 0, EBX, 25), "processor trace");
    assert!(!amd.bit(0x8000_0001, 0, ECX, 2), "SVM");
    assert!(!amd.bit(0x8000_0001, 0, ECX, 23), "performance counters");
    for leaf in [0xa, 0x12, 0x14, 0x8000_000a, 0x8000_0022] {
        assert_eq!((intel.cpuid(leaf, 0), amd.cpuid(leaf, 0)), ([0; 4], [0; 4]), "leaf {leaf:#x}");
    }
    assert_eq!((intel.cpuid(6, 0), amd.cpuid(6, 0)), ([4, 0, 0, 0], [4, 0, 0, 0]), "ARAT alone");
}

#[test]
fn other_features_stay_as_the_host_supports_them() {
    for supported in [samples::intel(), samples::amd()] {
        let guest = guest(&host(&supported));
        let before = |leaf| supported.iter().find(|entry| entry.function == leaf && entry.index == 0).unwrap();
        assert_eq!(guest.cpuid(1, 0)[EAX], before(1).eax, "family, model, stepping");
        assert_eq!(guest.cpuid(1, 0)[EBX] & 0xffff, before(1).ebx & 0xffff, "cache line size");
        assert_eq!(guest.cpuid(0x8000_0001, 0)[EDX], before(0x8000_0001).edx);
        assert_eq!(guest.cpuid(0x8000_0008, 0)[EAX], before(0x8000_0008).eax, "address sizes");
        assert_eq!(guest.cpuid(0x4000_0001, 0), [0x0100_7efb, 0, 0, 0], "KVM's features");
        assert_eq!(guest.cpuid(0x4000_0000, 0)[EBX..], [0x4b4d_564b, 0x564b_4d56, 0x4d], "KVM's signature");
    }
}

#[test]
fn amx_is_there_with_its_permission_and_leaves_no_trace_without() {
    let supported = samples::intel();
    let features =
        [(7, 0, EDX, 22), (7, 0, EDX, 24), (7, 0, EDX, 25), (7, 1, EAX, 21), (7, 1, EDX, 8), (0xd, 1, EAX, 4)];

    let with = guest(&HostCpu { permitted_xstate: TILE_DATA, ..host(&supported) });
    assert_eq!(with.xstate(), (0x602e7, 0x1800, 0x2b00));
    assert_eq!(with.cpuid(0xd, 18)[EAX], 0x2000);
    assert_eq!(with.cpuid(0x1d, 1)[EAX], 0x0400_2000);

    let without = guest(&host(&supported));
    assert_eq!(without.xstate(), (0x2e7, 0x1800, 0xa88), "the area ends behind PKRU");
    for (leaf, subleaf, register, bit) in features {
        assert!(with.bit(leaf, subleaf, register, bit), "{leaf:#x}.{subleaf} {bit}");
        assert!(!without.bit(leaf, subleaf, register, bit), "{leaf:#x}.{subleaf} {bit}");
    }
    for (leaf, subleaf) in [(0xd, 17), (0xd, 18), (0x1d, 0), (0x1d, 1), (0x1e, 0)] {
        assert_eq!(without.cpuid(leaf, subleaf), [0; 4], "{leaf:#x}.{subleaf}");
    }
    assert_eq!(without.cpuid(0xd, 12)[EAX], 0x18, "supervisor components stay");
    assert_eq!(without.cpuid(0xd, 1)[EAX], 0xf);
}

#[test]
fn half_of_amx_is_none() {
    let mut supported = samples::intel();
    // A kernel that masks the data but forgets the configuration.
    supported.iter_mut().find(|entry| entry.function == 0xd && entry.index == 0).unwrap().eax &= !(1 << 18);
    let guest = guest(&HostCpu { permitted_xstate: TILE_DATA, ..host(&supported) });
    assert_eq!(guest.xstate().0, 0x2e7);
    assert!(!guest.bit(7, 0, EDX, 24));
}

#[test]
fn the_frequency_of_the_tsc_is_told_exactly_or_not_at_all() {
    let supported = samples::intel();
    let guest_at = |tsc_khz| guest(&HostCpu { tsc_khz, ..host(&supported) });

    let known = guest_at(Some(2_600_000));
    let [denominator, numerator, crystal, _] = known.cpuid(0x15, 0);
    assert_eq!(u64::from(crystal) * u64::from(numerator) / u64::from(denominator), 2_600_000_000);
    assert_eq!(known.cpuid(0x16, 0), [2600, 2600, 100, 0]);
    assert_eq!(known.cpuid(0x4000_0000, 0)[EAX], 0x4000_0010);
    assert_eq!(known.cpuid(0x4000_0010, 0), [2_600_000, 1_000_000, 0, 0]);

    let odd = guest_at(Some(2_595_123));
    assert_eq!(odd.cpuid(0x15, 0), [0; 4]);
    assert_eq!(odd.cpuid(0x4000_0010, 0)[EAX], 2_595_123);

    for none in [None, Some(0)] {
        let unknown = guest_at(none);
        assert_eq!((unknown.cpuid(0x15, 0), unknown.cpuid(0x16, 0)), ([0; 4], [0; 4]), "not the host's own");
        assert_eq!(unknown.cpuid(0x4000_0000, 0)[EAX], 0x4000_0001);
    }

    let amd = samples::amd();
    let amd = guest(&host(&amd));
    assert_eq!(amd.cpuid(0x15, 0), [0; 4], "Intel's leaf");
    assert_eq!(amd.cpuid(0x4000_0010, 0)[EAX], 2_600_000);
}

#[test]
fn an_invariant_tsc_is_hidden_where_linux_would_call_it_a_bug() {
    let amd = samples::amd();
    assert!(host(&amd).needs_tsc_frequency_selected());
    assert!(guest(&host(&amd)).bit(0x8000_0007, 0, EDX, 8));
    assert!(!guest(&HostCpu { invariant_tsc: false, ..host(&amd) }).bit(0x8000_0007, 0, EDX, 8));
    assert!(!host(&samples::intel()).needs_tsc_frequency_selected(), "Intel has no such register");
}

#[test]
fn a_host_that_tells_too_little_or_too_much_is_refused() {
    let mut supported = samples::amd();
    supported.retain(|entry| entry.function != 0x8000_0001);
    let error = Cpuid::new(&host(&supported), topology(1, 1, 1)).unwrap_err();
    assert_eq!(error, CpuidError::MissingLeaf(0x8000_0001));

    let mut supported = samples::amd();
    supported.extend((0..256).map(|index| kvm_cpuid_entry2 { function: 0x18, index, ..Default::default() }));
    let cpuid = Cpuid::new(&host(&supported), topology(1, 1, 1)).unwrap();
    assert!(matches!(cpuid.of_vcpu(0), Err(CpuidError::TooManyEntries(_))));
}

proptest! {
    #[test]
    fn whatever_numbers_the_host_has_of_its_own_topology_the_guests_is_its_own(
        intel in any::<bool>(), noise in any::<[[u32; 3]; 4]>(), sockets in 1u32..5, cores in 1u32..5, threads in 1u32..3
    ) {
        let mut supported = if intel { samples::intel() } else { samples::amd() };
        for ([ebx, ecx, edx], leaf) in noise.into_iter().zip([0xb, 0x1f, 0x8000_001e, 0x8000_0026]) {
            for entry in supported.iter_mut().filter(|entry| entry.function == leaf) {
                (entry.ebx, entry.ecx, entry.edx) = (ebx, ecx, edx);
            }
        }
        let sizes = supported.iter_mut().find(|entry| entry.function == 0x8000_0008).unwrap();
        sizes.ecx = noise[0][0];
        let basic = supported.iter_mut().find(|entry| entry.function == 1).unwrap();
        basic.ebx = noise[1][0];
        agree(&guests(&host(&supported), topology(sockets, cores, threads)), (sockets, cores, threads));
    }
}
