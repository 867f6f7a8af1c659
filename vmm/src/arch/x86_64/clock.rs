//! The machine's time, read once when a pause completes.
//!
//! ```text
//!  pause completes ── ClockRecord::take ──► record ──► saved (as often as asked: the same bytes each time)
//!        │                                    │
//!        │ resume in place                    │ restore into a new machine
//!        ▼                                    ▼
//!  KVM's clocks have run on           MachineClock::elapsed_until(now), then each clock is set to its recorded value
//!  by themselves: nothing is set      plus the real time that passed
//! ```
//!
//! | clock | resume in place | restore |
//! |---|---|---|
//! | kvmclock, and with it the guest's CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_REALTIME | ran on | + elapsed |
//! | TSC (and what the guest derives from it) | ran on | + elapsed x its frequency (PVM: it is the host's, and ran on) |
//! | LAPIC timer, TSC-deadline mode | ran on | the deadline is absolute: one that passed fires at once |
//! | LAPIC timer, one-shot and periodic | ran on | - elapsed; one that ran out fires once, at once |
//! | PIT | ran on | begins the period of each channel anew |
//! | RTC | reads the host's clock | reads the host's clock |
//!
//! So the guest's CLOCK_MONOTONIC counts the time that it was stopped, in both cases: to the guest a pause looks like
//! a very long interrupt, not like a suspend. Its watchdogs are told by KVM_KVMCLOCK_CTRL ([`resumed_in_place`]).
//! Nothing goes backwards: when the host's own clock did, no time has passed.
//!
//! KVM's clocks are the host's, so that reading them twice gives two answers; whatever moves by itself is therefore
//! taken from the record, never read again: kvmclock, the TSCs, the LAPICs (current count, and what a timer that ran
//! out while the machine was paused set), the PIT and the PICs and IOAPIC that it drives.

use super::irqchip_state::IrqchipState;
use super::{lapic, msr};
use crate::kvm::{KvmError, KvmVcpu, KvmVm};
use devices::state::DeviceState;
use kvm_bindings::{KVM_CLOCK_HOST_TSC, KVM_CLOCK_REALTIME, kvm_clock_data, kvm_lapic_state, kvm_mp_state};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// All that moves with time, as it was when a pause completed.
#[derive(Clone, Debug)]
pub(crate) struct ClockRecord {
    /// The clocks of the machine.
    pub machine: MachineClock,
    /// PICs, IOAPIC, PIT.
    pub irqchip: IrqchipState,
    /// Each vCPU's part, by index.
    pub vcpus: Vec<VcpuClock>,
}

/// The clocks that a machine has once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineClock {
    /// The host's CLOCK_REALTIME in nanoseconds since 1970.
    pub realtime_ns: u64,
    /// The host's TSC at the same time, where KVM tells it.
    pub host_tsc: Option<u64>,
    /// kvmclock in nanoseconds since the machine's start.
    pub kvmclock_ns: u64,
    /// The flags that KVM_GET_CLOCK returned.
    pub flags: u32,
}

impl DeviceState for MachineClock {
    const KIND: &'static str = "x86-clock";
    const VERSION: u16 = 1;
}

/// A vCPU's part of the record.
#[derive(Clone, Debug)]
pub(crate) struct VcpuClock {
    /// Running, halted, or waiting for INIT or SIPI. Reading it works off a pending INIT, which changes the LAPIC:
    /// so it is read first.
    pub mp_state: kvm_mp_state,
    /// The time stamp counter.
    pub tsc: u64,
    /// The LAPIC timer's deadline; 0 when it is in another mode or not armed.
    pub tsc_deadline: u64,
    /// The local APIC with its timer.
    pub lapic: kvm_lapic_state,
}

impl ClockRecord {
    /// Reads the machine's clocks. Each vCPU's follow by [`ClockRecord::add_vcpu`], in the order of their indices;
    /// all of them are out of KVM_RUN, and the devices raise no interrupts any more.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn take(vm: &KvmVm) -> Result<Self, KvmError> {
        let realtime_ns = host_realtime_ns();
        let clock = vm.get_clock()?;
        Ok(Self {
            machine: MachineClock::new(realtime_ns, &clock),
            irqchip: vm.irqchip_state()?.into(),
            vcpus: Vec::new(),
        })
    }

    /// Reads the clocks of the next vCPU.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn add_vcpu(&mut self, vcpu: &KvmVcpu) -> Result<(), KvmError> {
        let mp_state = vcpu.get_mp_state()?;
        let lapic = vcpu.get_lapic()?;
        let msrs = vcpu.get_available_msrs(&[msr::TSC_DEADLINE, msr::TSC])?;
        let value = |index| msrs.iter().find(|msr| msr.index == index).map_or(0, |msr| msr.data);
        let clock = VcpuClock { mp_state, tsc: value(msr::TSC), tsc_deadline: value(msr::TSC_DEADLINE), lapic };
        self.vcpus.push(clock);
        Ok(())
    }
}

impl MachineClock {
    fn new(realtime_ns: u64, clock: &kvm_clock_data) -> Self {
        let told = |flag| clock.flags & flag != 0;
        Self {
            // KVM's own reading belongs to the very instant of kvmclock's.
            realtime_ns: if told(KVM_CLOCK_REALTIME) { clock.realtime } else { realtime_ns },
            host_tsc: told(KVM_CLOCK_HOST_TSC).then_some(clock.host_tsc),
            kvmclock_ns: clock.clock,
            flags: clock.flags,
        }
    }

    /// How many nanoseconds have passed since the record when the host's CLOCK_REALTIME is `now_ns`; 0 when that
    /// clock was set back meanwhile.
    pub(crate) fn elapsed_until(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.realtime_ns)
    }

    /// What KVM_SET_CLOCK gets `elapsed_ns` after the record. No flag is set: every host takes that.
    pub(crate) fn advanced(&self, elapsed_ns: u64) -> kvm_clock_data {
        kvm_clock_data { clock: self.kvmclock_ns.saturating_add(elapsed_ns), ..Default::default() }
    }

    /// Sets the new machine's clock, `elapsed_ns` after the record. Before the vCPUs' state: with that KVM writes the
    /// guest's wall clock page from it.
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn restore(&self, vm: &KvmVm, elapsed_ns: u64) -> Result<(), KvmError> {
        vm.set_clock(&self.advanced(elapsed_ns))
    }
}

/// Lets `elapsed_ns` pass for a local APIC's timer.
pub(super) fn advance_lapic(registers: &mut kvm_lapic_state, elapsed_ns: u64) {
    lapic::advance_timer(registers, elapsed_ns);
}

/// Tells the guest on `vcpu` that it was stopped, so that its watchdogs do not take the pause for a hang. After a
/// pause, before the vCPU runs again.
///
/// # Errors
/// The host refuses.
pub(crate) fn resumed_in_place(vcpu: &KvmVcpu) -> Result<(), KvmError> {
    vcpu.kvmclock_ctrl()
}

/// The host's CLOCK_REALTIME in nanoseconds since 1970.
pub(crate) fn host_realtime_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX) // until 2554
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(flags: u32) -> MachineClock {
        let clock = kvm_clock_data { clock: 500, flags, realtime: 1_000, host_tsc: 77, ..Default::default() };
        MachineClock::new(2_000, &clock)
    }

    #[test]
    fn kvms_own_reading_of_the_hosts_clocks_is_used_where_it_gives_one() {
        let full = told(KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC);
        assert_eq!((full.realtime_ns, full.host_tsc), (1_000, Some(77)));
        let none = told(0);
        assert_eq!((none.realtime_ns, none.host_tsc), (2_000, None), "as on PVM hosts");
    }

    #[test]
    fn a_host_clock_that_was_set_back_lets_no_time_pass() {
        let record = told(0);
        assert_eq!(record.elapsed_until(5_000), 3_000);
        assert_eq!(record.elapsed_until(1_000), 0);
        assert_eq!((record.advanced(0).clock, record.advanced(0).flags), (500, 0));
    }

    proptest! {
        #[test]
        fn kvmclock_never_goes_backwards(
            realtime_ns in any::<u64>(), kvmclock_ns in any::<u64>(), now in any::<u64>(), later in any::<u64>()
        ) {
            let record = MachineClock { realtime_ns, host_tsc: None, kvmclock_ns, flags: 0 };
            let at = |time| record.advanced(record.elapsed_until(time)).clock;
            prop_assert!(kvmclock_ns <= at(now.min(later)));
            prop_assert!(at(now.min(later)) <= at(now.max(later)));
        }
    }
}
