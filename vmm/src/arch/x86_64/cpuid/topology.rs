//! Leaves that tell how vCPUs are arranged and which of them share a cache.
//!
//! All of them must agree with each other, with the MADT and with the LAPIC's id: Linux prints `[Firmware Bug]` for
//! each pair that does not.

use super::super::topology::{Place, Topology};
use super::table::{Regs, Table};
use super::{EXTENDED, Vendor, legacy_caches, set_bit};

/// Deterministic cache parameters (Intel).
const CACHES: u32 = 4;
/// Extended topology, one subleaf per level.
pub(super) const EXTENDED_TOPOLOGY: u32 = 0xb;
/// As [`EXTENDED_TOPOLOGY`], with more levels (Intel).
const EXTENDED_TOPOLOGY_V2: u32 = 0x1f;
/// AMD's feature bits.
const EXTENDED_FEATURES: u32 = 0x8000_0001;
/// Address sizes, and on AMD the number of threads in a package.
pub(super) const SIZES: u32 = 0x8000_0008;
/// Cache topology (AMD).
const CACHES_AMD: u32 = 0x8000_001d;
/// Processor topology (AMD).
const TOPOLOGY_AMD: u32 = 0x8000_001e;
/// Extended processor topology (AMD): zero sends software to leaf 0xB, which tells all that there is.
const EXTENDED_TOPOLOGY_AMD: u32 = 0x8000_0026;

/// Level types of leaf 0xB (ECX bits 15:8).
const LEVEL_THREAD: u32 = 1;
const LEVEL_CORE: u32 = 2;

/// Writes what all vCPUs have in common.
pub(super) fn apply(table: &mut Table, topology: &Topology) {
    let vendor = Vendor::of(table);
    let several = topology.cpus_per_socket() > 1;

    let basic = table.leaf(1);
    let logical = match vendor {
        // "Maximum number of addressable IDs for logical processors in this physical package."
        Vendor::Intel => 1 << topology.socket_shift(),
        // "Logical processor count."
        Vendor::Amd => topology.cpus_per_socket(),
    };
    basic.ebx = (basic.ebx & !0x00ff_0000) | logical.min(0xff) << 16;
    set_bit(&mut basic.edx, 28, several); // HTT: EBX[23:16] is valid

    let levels = levels(topology);
    table.replace(EXTENDED_TOPOLOGY, &levels);
    table.remove(EXTENDED_TOPOLOGY_V2);
    if vendor == Vendor::Intel && table.get(0, 0).eax >= EXTENDED_TOPOLOGY_V2 {
        table.replace(EXTENDED_TOPOLOGY_V2, &levels);
    }

    match vendor {
        Vendor::Intel => share_caches(table, CACHES, topology),
        Vendor::Amd => {
            table.remove(CACHES);
            amd(table, topology, several);
        }
    }
}

/// Writes the ids of the vCPU at `place`.
pub(super) fn identify(table: &mut Table, place: &Place) {
    let basic = table.leaf(1);
    basic.ebx = (basic.ebx & 0x00ff_ffff) | (place.apic_id & 0xff) << 24;
    for leaf in [EXTENDED_TOPOLOGY, EXTENDED_TOPOLOGY_V2] {
        for level in table.subleaves(leaf) {
            level.edx = place.apic_id;
        }
    }
    if Vendor::of(table) == Vendor::Amd {
        let amd = table.leaf(TOPOLOGY_AMD);
        amd.eax = place.apic_id;
        amd.ebx = (amd.ebx & !0xff) | (place.core & 0xff);
        amd.ecx = place.socket & 0xff; // one node per socket (bits 10:8 are zero), numbered by the socket
    }
}

/// Leaf 0xB: a level for threads, one for cores, and the end.
fn levels(topology: &Topology) -> [Regs; 3] {
    let level = |number: u32, kind, shift, cpus| Regs { eax: shift, ebx: cpus, ecx: kind << 8 | number, edx: 0 };
    [
        level(0, LEVEL_THREAD, topology.core_shift(), topology.threads_per_core()),
        level(1, LEVEL_CORE, topology.socket_shift(), topology.cpus_per_socket()),
        level(2, 0, 0, 0),
    ]
}

/// AMD's leaves.
///
/// The topology extensions are offered on every host: without them Linux (before 6.9) takes each thread for a core.
/// A KVM that runs in a virtual machine does not list them when its own host did not.
fn amd(table: &mut Table, topology: &Topology, several: bool) {
    const CMP_LEGACY: u32 = 1; // ECX: the logical processors of leaf 1 are cores
    const TOPOLOGY_EXTENSIONS: u32 = 22; // ECX: 0x8000_001D and 0x8000_001E are there
    let features = table.leaf(EXTENDED_FEATURES);
    set_bit(&mut features.ecx, CMP_LEGACY, several);
    set_bit(&mut features.ecx, TOPOLOGY_EXTENSIONS, true);
    let highest = table.leaf(EXTENDED);
    highest.eax = highest.eax.max(TOPOLOGY_AMD);

    let sizes = table.leaf(SIZES);
    // ApicIdSize (15:12) and the number of threads in the package less one (7:0); 17:16 is PerfTscSize.
    let threads = (topology.cpus_per_socket() - 1).min(0xff);
    sizes.ecx = (sizes.ecx & !0xf0ff) | topology.socket_shift() << 12 | threads;

    if !table.has(CACHES_AMD) {
        table.replace(CACHES_AMD, &legacy_caches::as_cache_topology(table));
    }
    share_caches(table, CACHES_AMD, topology);
    table.remove(TOPOLOGY_AMD);
    table.leaf(TOPOLOGY_AMD).ebx = (topology.threads_per_core() - 1).min(0xff) << 8;
    table.remove(EXTENDED_TOPOLOGY_AMD);
}

/// Tells for each cache how many APIC ids share it: the first two levels are a core's, the others a socket's.
///
/// Software takes the logarithm of this number, rounded up, as the shift that makes an id of the cache from an APIC
/// id, so that it counts ids (a power of two), not vCPUs.
fn share_caches(table: &mut Table, leaf: u32, topology: &Topology) {
    for cache in table.subleaves(leaf) {
        let (kind, level) = (cache.eax & 0x1f, cache.eax >> 5 & 0x7);
        if kind == 0 {
            continue;
        }
        let shift = if level <= 2 { topology.core_shift() } else { topology.socket_shift() };
        cache.eax = (cache.eax & 0x3fff) | ((1 << shift) - 1) << 14;
        if leaf == CACHES {
            let cores = (1 << (topology.socket_shift() - topology.core_shift())) - 1;
            cache.eax |= u32::min(cores, 0x3f) << 26;
        }
    }
}
