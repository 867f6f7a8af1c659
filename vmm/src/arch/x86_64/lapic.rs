//! Registers of the local APIC in KVM's form (Intel SDM volume 3, 10.4.1 and 10.5).

use kvm_bindings::kvm_lapic_state;

/// Local vector table: timer.
pub(super) const LVT_TIMER: usize = 0x320;
/// Spurious interrupt vector; bit 8 switches the APIC on.
#[cfg(test)]
pub(super) const SPURIOUS: usize = 0xf0;
/// Local vector table: LINT0.
const LVT_LINT0: usize = 0x350;
/// Local vector table: LINT1.
const LVT_LINT1: usize = 0x360;
/// Timer: where it starts counting down.
const TIMER_INITIAL: usize = 0x380;
/// Timer: where it is.
const TIMER_CURRENT: usize = 0x390;
/// Timer: nanoseconds per count, encoded.
const TIMER_DIVIDE: usize = 0x3e0;

/// Delivery mode NMI in a local vector table entry.
const NMI: u32 = 4 << 8;
/// Delivery mode ExtINT: the vector comes from the PIC.
const EXTINT: u32 = 7 << 8;

/// Wires LINT0 to the PIC and LINT1 to NMI, unmasked, as the firmware of a PC leaves them in virtual wire mode
/// (MP specification 3.6.2.2).
pub(super) fn wire_local_interrupts(lapic: &mut kvm_lapic_state) {
    write(lapic, LVT_LINT0, EXTINT);
    write(lapic, LVT_LINT1, NMI);
}

/// Lets `elapsed_ns` pass for a timer that counts down. One that would have run out meanwhile runs out at once, a
/// single time. In TSC-deadline mode there is nothing to do: the deadline is a time, not a count.
pub(super) fn advance_timer(lapic: &mut kvm_lapic_state, elapsed_ns: u64) {
    const MODE: u32 = 3 << 17;
    const TSC_DEADLINE: u32 = 2 << 17;
    let current = read(lapic, TIMER_CURRENT);
    if read(lapic, LVT_TIMER) & MODE == TSC_DEADLINE || read(lapic, TIMER_INITIAL) == 0 || current == 0 {
        return;
    }
    let counts = elapsed_ns / divisor(read(lapic, TIMER_DIVIDE));
    let left = u64::from(current).saturating_sub(counts).max(1);
    write(lapic, TIMER_CURRENT, u32::try_from(left).unwrap_or(current));
}

/// How many of KVM's bus cycles, which are nanoseconds, make one count.
fn divisor(configuration: u32) -> u64 {
    let encoded = (configuration & 3) | (configuration & 8) >> 1;
    1 << ((encoded + 1) & 7)
}

/// The 32-bit register at `offset`, which is one of the constants above.
fn read(lapic: &kvm_lapic_state, offset: usize) -> u32 {
    let mut bytes = [0; 4];
    for (byte, register) in bytes.iter_mut().zip(lapic.regs.iter().skip(offset)) {
        *byte = register.cast_unsigned();
    }
    u32::from_le_bytes(bytes)
}

/// Sets the 32-bit register at `offset`.
pub(super) fn write(lapic: &mut kvm_lapic_state, offset: usize, value: u32) {
    for (register, byte) in lapic.regs.iter_mut().skip(offset).zip(value.to_le_bytes()) {
        *register = byte.cast_signed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counting(mode: u32, divide: u32, initial: u32, current: u32) -> kvm_lapic_state {
        let mut lapic = kvm_lapic_state::default();
        for (register, value) in
            [(LVT_TIMER, mode << 17), (TIMER_DIVIDE, divide), (TIMER_INITIAL, initial), (TIMER_CURRENT, current)]
        {
            write(&mut lapic, register, value);
        }
        lapic
    }

    fn left_after(mut lapic: kvm_lapic_state, elapsed_ns: u64) -> u32 {
        advance_timer(&mut lapic, elapsed_ns);
        read(&lapic, TIMER_CURRENT)
    }

    #[test]
    fn the_divide_configuration_is_decoded_as_in_the_manual() {
        let divisors = [0b0000, 0b0001, 0b0010, 0b0011, 0b1000, 0b1001, 0b1010, 0b1011].map(divisor);
        assert_eq!(divisors, [2, 4, 8, 16, 32, 64, 128, 1]);
    }

    #[test]
    fn a_one_shot_or_periodic_timer_has_less_left_and_never_stops_without_running_out() {
        for mode in [0, 1] {
            assert_eq!(left_after(counting(mode, 0b1011, 1000, 700), 300), 400);
            assert_eq!(left_after(counting(mode, 0b0011, 1000, 700), 320), 680, "divided by 16");
            assert_eq!(left_after(counting(mode, 0b1011, 1000, 700), 700), 1);
            assert_eq!(left_after(counting(mode, 0b1011, 1000, 700), u64::MAX), 1);
        }
    }

    #[test]
    fn a_timer_that_does_not_count_stays_as_it_is() {
        assert_eq!(left_after(counting(0, 0, 0, 0), 1000), 0, "never started");
        assert_eq!(left_after(counting(0, 0, 1000, 0), 1000), 0, "ran out before");
        assert_eq!(left_after(counting(2, 0b1011, 1000, 700), 300), 700, "TSC deadline");
    }

    #[test]
    fn local_interrupts_are_wired_as_firmware_does() {
        let mut lapic = counting(0, 0, 0, 0);
        write(&mut lapic, LVT_LINT0, 0x1_0000);
        wire_local_interrupts(&mut lapic);
        assert_eq!((read(&lapic, LVT_LINT0), read(&lapic, LVT_LINT1)), (0x700, 0x400));
    }

    proptest! {
        #[test]
        fn only_the_current_count_changes_and_never_rises(registers in any::<[[u8; 32]; 32]>(), elapsed in any::<u64>()) {
            let mut before = kvm_lapic_state::default();
            for (register, byte) in before.regs.iter_mut().zip(registers.as_flattened()) {
                *register = byte.cast_signed();
            }
            let mut after = before;
            advance_timer(&mut after, elapsed);
            prop_assert!(read(&after, TIMER_CURRENT) <= read(&before, TIMER_CURRENT));
            write(&mut after, TIMER_CURRENT, read(&before, TIMER_CURRENT));
            prop_assert_eq!(after.regs, before.regs);
        }
    }
}
