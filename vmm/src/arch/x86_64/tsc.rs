//! Setting the time stamp counter of a restored vCPU.

use super::msr;
use crate::kvm::{KvmError, KvmVcpu};

/// A host that lets a TSC be set lets it read this many seconds more than what was set, at most, right after.
const SLACK_SECONDS: u64 = 10;

/// Lets `elapsed_ns` pass for a TSC that counts `khz` thousand times a second. Wraps as the register does.
pub(super) fn advance(tsc: u64, khz: u32, elapsed_ns: u64) -> u64 {
    let ticks = u128::from(elapsed_ns) * u128::from(khz) / 1_000_000;
    #[expect(clippy::cast_possible_truncation, reason = "the register wraps too")]
    tsc.wrapping_add(ticks as u64)
}

/// Sets the TSC to `tsc` and returns what it reads then, which is less only on a host that ignores the value.
///
/// KVM takes a value within a second of what the TSC is, or of what another vCPU was just given, for the wish to
/// have the two equal. That keeps the vCPUs of one machine together when all are set to about the same value. But
/// before Linux 6.7 it also ignores the first value that a new machine is given when that is below a second.
///
/// On PVM hosts a guest's TSC is the host's. What is written only shifts the deadlines of its timers, so it must be
/// taken back.
///
/// # Errors
/// The host refuses.
pub(super) fn set(vcpu: &KvmVcpu, tsc: u64, khz: Option<u32>) -> Result<u64, KvmError> {
    vcpu.set_msrs(&[msr::entry(msr::TSC, tsc)])?;
    let mut reads = read(vcpu)?;
    if reads < tsc {
        force(vcpu, tsc, khz)?;
        reads = read(vcpu)?;
    }
    if reads < tsc || reads - tsc > seconds(SLACK_SECONDS, khz) {
        force(vcpu, reads, khz)?;
    }
    Ok(reads)
}

/// Sets the TSC to `tsc` without leaving KVM another interpretation: by way of a value that is far away.
fn force(vcpu: &KvmVcpu, tsc: u64, khz: Option<u32>) -> Result<(), KvmError> {
    let far = tsc.wrapping_add(seconds(2 * SLACK_SECONDS, khz));
    vcpu.set_msrs(&[msr::entry(msr::TSC, far), msr::entry(msr::TSC, tsc)])
}

fn read(vcpu: &KvmVcpu) -> Result<u64, KvmError> {
    Ok(vcpu.get_msrs(&[msr::TSC])?.first().map_or(0, |entry| entry.data))
}

/// Ticks of a TSC of unknown frequency are taken for nanoseconds.
fn seconds(count: u64, khz: Option<u32>) -> u64 {
    count * u64::from(khz.unwrap_or(1_000_000)) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tsc_advances_by_its_own_frequency_without_losing_ticks() {
        assert_eq!(advance(7, 2_600_000, 1_000_000_000), 2_600_000_007);
        assert_eq!(advance(0, 2_595_123, 100 * 365 * 24 * 3600 * 1_000_000_000), 8_183_979_892_800_000_000);
        assert_eq!(advance(u64::MAX, 1_000_000, 1), 0, "wraps");
        assert_eq!(advance(9, 0, u64::MAX), 9, "an unknown frequency moves nothing");
    }

    proptest! {
        #[test]
        fn a_tsc_never_goes_backwards(
            tsc in 0..1u64 << 62, khz in 0..10_000_000u32, first in 0..YEARS, second in 0..YEARS
        ) {
            let (first, second) = (first.min(second), first.max(second));
            prop_assert!(tsc <= advance(tsc, khz, first));
            prop_assert!(advance(tsc, khz, first) <= advance(tsc, khz, second));
        }
    }

    /// Ten years in nanoseconds: at 10 GHz they do not wrap.
    const YEARS: u64 = 10 * 365 * 24 * 3600 * 1_000_000_000;
}
