//! How fast the TSC and the LAPIC timer run.

use super::Vendor;
use super::table::{Regs, Table};

/// The TSC as a ratio of the core crystal clock, which also drives the LAPIC timer (Intel).
const TSC_RATIO: u32 = 0x15;
/// Processor frequencies in MHz (Intel).
const PROCESSOR_FREQUENCY: u32 = 0x16;
/// The hypervisor's signature and its highest leaf.
const HYPERVISOR: u32 = 0x4000_0000;
/// TSC and LAPIC bus frequency in kHz: VMware's leaf, which Linux and other guests take from any hypervisor.
const HYPERVISOR_FREQUENCY: u32 = 0x4000_0010;
/// KVM's LAPIC timer counts nanoseconds.
const LAPIC_BUS_KHZ: u32 = 1_000_000;

pub(super) fn apply(table: &mut Table, tsc_khz: Option<u32>) {
    // The host's numbers are not the guest's.
    table.remove(TSC_RATIO);
    table.remove(PROCESSOR_FREQUENCY);
    table.remove(HYPERVISOR_FREQUENCY);
    let Some(tsc_khz) = tsc_khz.filter(|khz| *khz != 0) else { return };

    if table.has(HYPERVISOR) {
        let signature = table.leaf(HYPERVISOR);
        signature.eax = signature.eax.max(HYPERVISOR_FREQUENCY);
        table.set(HYPERVISOR_FREQUENCY, Regs { eax: tsc_khz, ebx: LAPIC_BUS_KHZ, ecx: 0, edx: 0 });
    }

    let highest = table.get(0, 0).eax;
    if Vendor::of(table) == Vendor::Intel
        && highest >= PROCESSOR_FREQUENCY
        && let Some((numerator, denominator)) = tsc_ratio(tsc_khz)
    {
        table.set(TSC_RATIO, Regs { eax: denominator, ebx: numerator, ecx: LAPIC_BUS_KHZ * 1000, edx: 0 });
        let mhz = tsc_khz / 1000;
        table.set(PROCESSOR_FREQUENCY, Regs { eax: mhz, ebx: mhz, ecx: 100, edx: 0 });
    }
}

/// The TSC's frequency as a ratio of the LAPIC timer's, or `None` when it cannot be told exactly: Linux multiplies
/// the crystal's kHz by the numerator in 32 bits, so that the numerator must be small.
fn tsc_ratio(tsc_khz: u32) -> Option<(u32, u32)> {
    let divisor = greatest_common_divisor(tsc_khz, LAPIC_BUS_KHZ);
    let (numerator, denominator) = (tsc_khz / divisor, LAPIC_BUS_KHZ / divisor);
    LAPIC_BUS_KHZ.checked_mul(numerator).map(|_| (numerator, denominator))
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_exact_or_not_told() {
        assert_eq!(tsc_ratio(2_600_000), Some((13, 5)));
        assert_eq!(tsc_ratio(1_000_000), Some((1, 1)));
        assert_eq!(tsc_ratio(2_095_000), Some((419, 200)));
        assert_eq!(tsc_ratio(2_595_123), None, "2_595_123 times the crystal's kHz does not fit 32 bits");
    }
}
