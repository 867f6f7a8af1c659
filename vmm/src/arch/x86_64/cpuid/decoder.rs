//! Reads a vCPU's CPUID as guests do: written from the manuals and from what Linux's topology code does, without
//! anything of the code that makes the leaves.

use kvm_bindings::{CpuId, KVM_CPUID_FLAG_SIGNIFCANT_INDEX};

/// A vCPU's CPUID instruction.
pub(super) struct Guest(pub CpuId);

/// What one source says about the arrangement of vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrangement {
    pub core_shift: u32,
    pub socket_shift: u32,
    pub threads_per_core: u32,
    pub cpus_per_socket: u32,
}

/// A cache, and the shift that makes its id of an APIC id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    pub level: u32,
    pub shift: u32,
}

fn bits(value: u32, from: u32, to: u32) -> u32 {
    value << (31 - to) >> (31 - to + from)
}

/// Linux's `get_count_order`.
fn order(count: u32) -> u32 {
    count.next_power_of_two().trailing_zeros()
}

impl Guest {
    /// EAX, EBX, ECX, EDX.
    pub(super) fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        let hit = self.0.as_slice().iter().find(|entry| {
            entry.function == leaf && (entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX == 0 || entry.index == subleaf)
        });
        hit.map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
    }

    pub(super) fn bit(&self, leaf: u32, subleaf: u32, register: usize, bit: u32) -> bool {
        self.cpuid(leaf, subleaf)[register] >> bit & 1 == 1
    }

    pub(super) fn is_amd(&self) -> bool {
        self.cpuid(0, 0)[1] == u32::from_le_bytes(*b"Auth")
    }

    /// Leaf 1: the APIC id that the processor had at its start.
    pub(super) fn initial_apic_id(&self) -> u32 {
        bits(self.cpuid(1, 0)[1], 24, 31)
    }

    /// Leaves 0xB and 0x1F: the arrangement, and the id that they tell; `None` when the leaf says nothing.
    pub(super) fn extended_topology(&self, leaf: u32) -> Option<(Arrangement, u32)> {
        if leaf > self.cpuid(0, 0)[0] || self.cpuid(leaf, 0)[1] == 0 {
            return None;
        }
        let mut found = Arrangement { core_shift: 0, socket_shift: 0, threads_per_core: 1, cpus_per_socket: 1 };
        let id = self.cpuid(leaf, 0)[3];
        for subleaf in 0.. {
            let [eax, ebx, ecx, edx] = self.cpuid(leaf, subleaf);
            assert_eq!(edx, id, "each level tells the same id");
            let (shift, count) = (bits(eax, 0, 4), bits(ebx, 0, 15));
            match bits(ecx, 8, 15) {
                0 => break,
                1 => {
                    assert_eq!(subleaf, 0, "Linux wants threads first");
                    found = Arrangement { core_shift: shift, threads_per_core: count, ..found };
                }
                2 => found = Arrangement { socket_shift: shift, cpus_per_socket: count, ..found },
                kind => panic!("Linux prints a warning for level type {kind}"),
            }
            assert_eq!(bits(ecx, 0, 7), subleaf, "the level's number is the subleaf");
        }
        Some((found, id))
    }

    /// Leaves 1 and 4, as old guests on Intel read them: widths only, as these leaves count ids.
    pub(super) fn legacy_intel(&self) -> (u32, u32) {
        let logical = if self.bit(1, 0, 3, 28) { bits(self.cpuid(1, 0)[1], 16, 23) } else { 1 };
        let cores = bits(self.cpuid(4, 0)[0], 26, 31) + 1;
        (order(logical / cores), order(logical))
    }

    /// Leaves 0x8000_0008 and 0x8000_001E, and the APIC id, core and node that the latter tells.
    pub(super) fn amd(&self) -> (Arrangement, [u32; 3]) {
        let sizes = self.cpuid(0x8000_0008, 0)[2];
        let cpus_per_socket = bits(sizes, 0, 7) + 1;
        let socket_shift = match bits(sizes, 12, 15) {
            0 => order(cpus_per_socket),
            shift => shift,
        };
        let [id, ebx, ecx, _] = self.cpuid(0x8000_001e, 0);
        let threads_per_core = bits(ebx, 8, 15) + 1;
        let core_shift = order(threads_per_core);
        assert_eq!(bits(ecx, 8, 10), 0, "one node per socket");
        (
            Arrangement { core_shift, socket_shift, threads_per_core, cpus_per_socket },
            [id, bits(ebx, 0, 7), bits(ecx, 0, 7)],
        )
    }

    /// The caches of leaf 4 or 0x8000_001D.
    pub(super) fn caches(&self) -> Vec<Cache> {
        let leaf = if self.is_amd() { 0x8000_001d } else { 4 };
        (0..)
            .map(|subleaf| self.cpuid(leaf, subleaf)[0])
            .take_while(|eax| bits(*eax, 0, 4) != 0)
            .map(|eax| Cache { level: bits(eax, 5, 7), shift: order(bits(eax, 14, 25) + 1) })
            .collect()
    }

    /// Leaf 0xD: user and supervisor components, and the size of all user components.
    pub(super) fn xstate(&self) -> (u64, u64, u32) {
        let [eax, _, ecx, edx] = self.cpuid(0xd, 0);
        let [_, _, low, high] = self.cpuid(0xd, 1);
        (u64::from(edx) << 32 | u64::from(eax), u64::from(high) << 32 | u64::from(low), ecx)
    }
}
