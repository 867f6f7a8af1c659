//! Feature bits that differ from what KVM supports: what KVM leaves to us, and what we cannot keep our promise for.

use super::table::Table;
use super::{HostCpu, set_bit};

/// Leaf 1 ECX: PDCM (performance capabilities MSR).
const PDCM: u32 = 15;
/// Leaf 1 ECX: the processor is in x2APIC mode or can be.
const X2APIC: u32 = 21;
/// Leaf 1 ECX: the LAPIC timer has TSC-deadline mode.
const TSC_DEADLINE: u32 = 24;
/// Leaf 1 ECX: CR4.OSXSAVE, which KVM keeps up to date.
const OSXSAVE: u32 = 27;
/// Leaf 1 ECX: a hypervisor is there.
const HYPERVISOR: u32 = 31;
/// Leaf 1 ECX: VMX.
const VMX: u32 = 5;
/// Leaf 0x8000_0001 ECX: SVM.
const SVM: u32 = 2;
/// Leaf 0x8000_0001 ECX: AMD's extended performance counters.
const PERFCTR_CORE: u32 = 23;
/// Leaf 6 EAX: the LAPIC timer runs in all power states.
const ARAT: u32 = 2;
/// Leaf 0x8000_0007 EDX: the TSC runs at a constant rate.
const INVARIANT_TSC: u32 = 8;

pub(super) fn apply(table: &mut Table, host: &HostCpu<'_>) {
    let basic = table.leaf(1);
    set_bit(&mut basic.ecx, HYPERVISOR, true);
    set_bit(&mut basic.ecx, X2APIC, true); // emulated by the in-kernel irqchip, whatever the host has
    set_bit(&mut basic.ecx, TSC_DEADLINE, host.tsc_deadline);
    set_bit(&mut basic.ecx, OSXSAVE, false);

    nested_virtualization(table);
    enclaves_and_trace(table);
    performance_counters(table);

    // Of power management only what KVM emulates: a LAPIC timer that never stops.
    let power = table.get(6, 0);
    table.remove(6);
    table.leaf(6).eax = power.eax & (1 << ARAT);
    // Hybrid information would have to follow the host CPU that the vCPU happens to run on.
    table.remove(0x1a);

    if !host.invariant_tsc && table.has(0x8000_0007) {
        set_bit(&mut table.leaf(0x8000_0007).edx, INVARIANT_TSC, false);
    }
}

pub(super) fn has_invariant_tsc(table: &Table) -> bool {
    table.get(0x8000_0007, 0).edx & 1 << INVARIANT_TSC != 0
}

/// Nested guests' state is not part of [`crate::arch::x86_64::vcpu_state::VcpuState`]: a guest that had some would
/// not survive a save.
fn nested_virtualization(table: &mut Table) {
    set_bit(&mut table.leaf(1).ecx, VMX, false);
    set_bit(&mut table.leaf(0x8000_0001).ecx, SVM, false);
    table.remove(0x8000_000a);
}

/// SGX needs memory of its own kind, and neither its state nor processor trace's is saved.
fn enclaves_and_trace(table: &mut Table) {
    const SGX: u32 = 2; // leaf 7 EBX
    const PROCESSOR_TRACE: u32 = 25; // leaf 7 EBX
    const SGX_LAUNCH_CONTROL: u32 = 30; // leaf 7 ECX
    if table.has(7) {
        let features = table.leaf(7);
        set_bit(&mut features.ebx, SGX, false);
        set_bit(&mut features.ebx, PROCESSOR_TRACE, false);
        set_bit(&mut features.ecx, SGX_LAUNCH_CONTROL, false);
    }
    table.remove(0x12);
    table.remove(0x14);
}

/// No performance counters until a machine asks for them: they tell a guest about its neighbours.
fn performance_counters(table: &mut Table) {
    set_bit(&mut table.leaf(1).ecx, PDCM, false);
    set_bit(&mut table.leaf(0x8000_0001).ecx, PERFCTR_CORE, false);
    table.remove(0xa);
    table.remove(0x23); // architectural counters, Intel
    table.remove(0x8000_0022); // performance monitoring version 2, AMD
}
