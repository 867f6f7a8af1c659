//! What KVM_GET_SUPPORTED_CPUID tells on two kinds of hosts, cut down to the leaves that matter here.

use kvm_bindings::{KVM_CPUID_FLAG_SIGNIFCANT_INDEX, kvm_cpuid_entry2};

fn entry(function: u32, index: u32, [eax, ebx, ecx, edx]: [u32; 4]) -> kvm_cpuid_entry2 {
    let indexed = matches!(function, 4 | 7 | 0xb | 0xd | 0x1d | 0x1e | 0x1f | 0x8000_001d);
    let flags = if indexed { KVM_CPUID_FLAG_SIGNIFCANT_INDEX } else { 0 };
    kvm_cpuid_entry2 { function, index, flags, eax, ebx, ecx, edx, ..Default::default() }
}

fn set(entries: &[(u32, u32, [u32; 4])]) -> Vec<kvm_cpuid_entry2> {
    entries.iter().map(|(function, index, registers)| entry(*function, *index, *registers)).collect()
}

/// KVM's own leaves.
const KVM: [(u32, u32, [u32; 4]); 2] =
    [(0x4000_0000, 0, [0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x4d]), (0x4000_0001, 0, [0x0100_7efb, 0, 0, 0])];

/// A Xeon of the Sapphire Rapids generation: leaf 0x1F, AMX, performance counters, VMX, SGX.
pub(super) fn intel() -> Vec<kvm_cpuid_entry2> {
    let mut entries = set(&[
        (0, 0, [0x20, u32::from_le_bytes(*b"Genu"), u32::from_le_bytes(*b"ntel"), u32::from_le_bytes(*b"ineI")]),
        (1, 0, [0x000806f8, 0x4740_0800, 0xf7fa_ba2b, 0x1fcb_fbff]),
        (4, 0, [0xfc00_4121, 0x02c0_003f, 0x3f, 0]),
        (4, 1, [0xfc00_4122, 0x01c0_003f, 0x3f, 0]),
        (4, 2, [0xfc00_4143, 0x03c0_003f, 0x7ff, 0]),
        (4, 3, [0xfc1f_c163, 0x03c0_003f, 0x1_ffff, 4]),
        (4, 4, [0; 4]),
        (6, 0, [0x77, 2, 9, 0]),
        (7, 0, [1, 0xf3bf_b7ef, 0x5b41_5f6e, 0xffc1_4410]),
        (7, 1, [0x0020_1c30, 0, 0, 0x0000_0100]),
        (0xa, 0, [0x0830_0802, 0, 0, 0x603]),
        (0xb, 0, [1, 2, 0x100, 0x47]),
        (0xb, 1, [7, 0x70, 0x201, 0x47]),
        // x87, SSE, AVX, AVX-512, PKRU, tile configuration and data.
        (0xd, 0, [0x602e7, 0xa88, 0x2b00, 0]),
        (0xd, 1, [0x1f, 0x29c0, 0x1800, 0]),
        (0xd, 2, [0x100, 0x240, 0, 0]),
        (0xd, 5, [0x40, 0x440, 0, 0]),
        (0xd, 6, [0x200, 0x480, 0, 0]),
        (0xd, 7, [0x400, 0x680, 0, 0]),
        (0xd, 9, [8, 0xa80, 0, 0]),
        (0xd, 11, [0x10, 0, 1, 0]),
        (0xd, 12, [0x18, 0, 1, 0]),
        (0xd, 17, [0x40, 0xac0, 2, 0]),
        (0xd, 18, [0x2000, 0xb00, 6, 0]),
        (0x12, 0, [3, 0, 0, 0x381f]),
        (0x14, 0, [1, 0xf, 7, 0]),
        (0x15, 0, [2, 168, 25_000_000, 0]),
        (0x16, 0, [2100, 3800, 100, 0]),
        (0x1d, 0, [1, 0, 0, 0]),
        (0x1d, 1, [0x0400_2000, 0x0008_0040, 0x10, 0]),
        (0x1e, 0, [0, 0x4010, 0, 0]),
        (0x1f, 0, [1, 2, 0x100, 0x47]),
        (0x1f, 1, [7, 0x70, 0x201, 0x47]),
        (0x8000_0000, 0, [0x8000_0008, 0, 0, 0]),
        (0x8000_0001, 0, [0, 0, 0x121, 0x2c10_0800]),
        (0x8000_0007, 0, [0, 0, 0, 0x100]),
        (0x8000_0008, 0, [0x0030_3934, 0x0200_1000, 0, 0]),
    ]);
    entries.extend(set(&KVM));
    entries
}

/// An EPYC of the Genoa generation, as a host tells that leaves its own numbers in some leaves.
pub(super) fn amd() -> Vec<kvm_cpuid_entry2> {
    let mut entries = set(&[
        (0, 0, [0x10, u32::from_le_bytes(*b"Auth"), u32::from_le_bytes(*b"cAMD"), u32::from_le_bytes(*b"enti")]),
        (1, 0, [0x00a1_0f11, 0x2560_0800, 0x8120_3229, 0x078b_fbff]),
        (6, 0, [4, 0, 1, 0]),
        (7, 0, [1, 0xf1bf_97a9, 0x0041_5fce, 0x1000_0010]),
        (0xb, 0, [1, 2, 0x100, 0x25]),
        (0xb, 1, [7, 0x60, 0x201, 0x25]),
        (0xd, 0, [0x2e7, 0x988, 0x988, 0]),
        (0xd, 1, [0xf, 0x348, 0x1800, 0]),
        (0xd, 2, [0x100, 0x240, 0, 0]),
        (0xd, 5, [0x40, 0x340, 0, 0]),
        (0xd, 6, [0x200, 0x380, 0, 0]),
        (0xd, 7, [0x400, 0x580, 0, 0]),
        (0xd, 9, [8, 0x980, 0, 0]),
        (0xd, 11, [0x10, 0, 1, 0]),
        (0xd, 12, [0x18, 0, 1, 0]),
        (0x8000_0000, 0, [0x8000_0028, 0, 0, 0]),
        (0x8000_0001, 0, [0x00a1_0f11, 0x4000_0000, 0x75c2_37ff, 0x2fd3_fbff]),
        (0x8000_0007, 0, [0, 0x3b, 0, 0x6799]),
        (0x8000_0008, 0, [0x0030_3934, 0x791e_f257, 0x0001_705f, 0x0001_0007]),
        (0x8000_000a, 0, [1, 0x8000, 0, 0x1ebf_bcff]),
        (0x8000_001d, 0, [0x0000_4121, 0x01c0_003f, 0x3f, 0]),
        (0x8000_001d, 1, [0x0000_4122, 0x01c0_003f, 0x3f, 0]),
        (0x8000_001d, 2, [0x0000_4143, 0x01c0_003f, 0x7ff, 2]),
        (0x8000_001d, 3, [0x0003_c163, 0x03c0_003f, 0x7fff, 1]),
        (0x8000_001d, 4, [0; 4]),
        (0x8000_001e, 0, [0x25, 0x0112, 0x0000, 0]),
        (0x8000_0022, 0, [7, 0x0004_0104, 0, 0]),
        (0x8000_0026, 0, [1, 2, 0x100, 0x25]),
        (0x8000_0026, 1, [4, 16, 0x201, 0x25]),
    ]);
    entries.extend(set(&KVM));
    entries
}
