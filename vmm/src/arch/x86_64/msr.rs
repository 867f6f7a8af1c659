//! Model-specific registers: those that the firmware of a PC would have set, and those that are state.

use crate::kvm::{KvmError, KvmVcpu};
use kvm_bindings::kvm_msr_entry;

/// The time stamp counter.
pub(super) const TSC: u32 = 0x10;
/// When the LAPIC timer fires, as a TSC value.
pub(super) const TSC_DEADLINE: u32 = 0x6e0;
/// What the guest added to its TSC.
const TSC_ADJUST: u32 = 0x3b;
/// Machine check capabilities: the number of banks in bits 7:0.
const MCG_CAP: u32 = 0x179;
/// The first machine check bank's first register; each bank has four.
const MC0_CTL: u32 = 0x400;
/// KVM has at most this many machine check banks.
const MAX_MC_BANKS: u32 = 32;
const MISC_ENABLE: u32 = 0x1a0;
/// Fast string operations: without it Linux turns its string instructions off.
const FAST_STRING: u64 = 1;
const MTRR_DEF_TYPE: u32 = 0x2ff;
/// MTRRs are on, and all memory is write-back unless a page table says otherwise.
const MTRR_WRITE_BACK: u64 = 1 << 11 | 6;
/// AMD's hardware configuration.
const HWCR: u32 = 0xc001_0015;
/// The TSC counts at the rate of P-state 0.
const TSC_FREQ_SEL: u64 = 1 << 24;

/// MSRs that are state but that older kernels' KVM does not list.
fn unlisted() -> impl Iterator<Item = u32> {
    let variable_mtrrs = 0x200..0x210;
    let fixed_mtrrs = [0x250, 0x258, 0x259].into_iter().chain(0x268..0x270);
    variable_mtrrs.chain(fixed_mtrrs).chain([MTRR_DEF_TYPE, 0x277 /* PAT */, TSC_ADJUST])
}

/// Whether `index` can be saved and restored as it is. Hyper-V's registers (0x4000_0000 to 0x4000_01FF) are not
/// offered to the guest, and some of them count time.
fn is_state(index: u32) -> bool {
    !(0x4000_0000..0x4000_0200).contains(&index) && index != TSC && index != TSC_DEADLINE
}

/// The MSRs that make up a vCPU's state, sorted, but for the two that count time ([`super::clock`]). `listed` is
/// KVM_GET_MSR_INDEX_LIST. All vCPUs of a machine have the same.
///
/// # Errors
/// The host cannot be asked.
pub(crate) fn state_indices(listed: &[u32], vcpu: &KvmVcpu) -> Result<Vec<u32>, KvmError> {
    let banks = vcpu.get_available_msrs(&[MCG_CAP])?.first().map_or(0, |capabilities| capabilities.data & 0xff);
    let banks = u32::try_from(banks).unwrap_or(0).min(MAX_MC_BANKS);
    Ok(candidates(listed, banks))
}

fn candidates(listed: &[u32], banks: u32) -> Vec<u32> {
    let machine_check = MC0_CTL..MC0_CTL + banks * 4;
    let mut indices: Vec<_> = listed.iter().copied().chain(unlisted()).chain(machine_check).collect();
    indices.retain(|index| is_state(*index));
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// Writes saved values. A register that the host does not let be written is no error when it has the value already:
/// some that KVM lists are read-only.
///
/// # Errors
/// The host refuses a value that a register does not have; the error names it.
pub(super) fn restore(vcpu: &KvmVcpu, entries: &[kvm_msr_entry]) -> Result<(), KvmError> {
    if vcpu.set_msrs(entries).is_ok() {
        return Ok(());
    }
    for entry in entries {
        if let Err(error) = vcpu.set_msrs(&[*entry])
            && vcpu.get_available_msrs(&[entry.index])?.first().map(|now| now.data) != Some(entry.data)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Sets what firmware would have set on every vCPU. Before its first start.
///
/// # Errors
/// The host refuses.
pub(super) fn set_boot_values(vcpu: &KvmVcpu) -> Result<(), KvmError> {
    let mut entries = vec![entry(MTRR_DEF_TYPE, MTRR_WRITE_BACK)];
    // The other bits of this one say what the host's KVM lacks: keep them.
    if let Some(misc) = vcpu.get_available_msrs(&[MISC_ENABLE])?.first() {
        entries.push(entry(MISC_ENABLE, misc.data | FAST_STRING));
    }
    vcpu.set_msrs(&entries)
}

/// On AMD: makes the vCPU say that its TSC does not follow the core's frequency. Where the host takes it, the guest
/// may be told that its TSC is invariant; where not (Linux before 6.8), Linux would print `[Firmware Bug]: TSC
/// doesn't count with P0 frequency!` if it were.
pub(super) fn selects_tsc_frequency(vcpu: &KvmVcpu) -> bool {
    vcpu.set_msrs(&[entry(HWCR, TSC_FREQ_SEL)]).is_ok()
}

pub(super) fn entry(index: u32, data: u64) -> kvm_msr_entry {
    kvm_msr_entry { index, data, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_what_kvm_lists_and_what_it_forgets_but_no_clock() {
        let indices = candidates(&[0x4b56_4d01, TSC, TSC_DEADLINE, TSC_ADJUST, 0x4000_0020, 0x174], 2);
        for index in [0x4b56_4d01, TSC_ADJUST, 0x174, 0x200, 0x20f, 0x26f, 0x277, 0x2ff, 0x400, 0x407] {
            assert!(indices.contains(&index), "{index:#x}");
        }
        for index in [TSC, TSC_DEADLINE, 0x4000_0020, 0x408] {
            assert!(!indices.contains(&index), "{index:#x}");
        }
        assert!(indices.is_sorted_by(|a, b| a < b));
    }
}
