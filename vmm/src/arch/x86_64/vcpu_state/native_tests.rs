//! A vCPU's state goes through the host's own KVM and back unchanged.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::arch::x86_64::clock::{ClockRecord, host_realtime_ns};
use crate::arch::x86_64::fixture::Fixture;
use crate::arch::x86_64::{lapic, setup};
use crate::boot::Entry;
use crate::config::CpuTopology;
use crate::testing::host_differences;
use kvm_bindings::KVM_MP_STATE_HALTED;

/// Far away, but not so far that the host cannot set a timer for it.
const DEADLINE: u64 = 1 << 58;
const HOUR_NS: u64 = 3600 * 1_000_000_000;
/// The test itself takes time too, on a busy machine some of it.
const SLACK_NS: u64 = 60 * 1_000_000_000;

fn record(fixture: &Fixture) -> ClockRecord {
    let mut record = ClockRecord::take(&fixture.vm).unwrap();
    for vcpu in &fixture.vcpus {
        record.add_vcpu(vcpu).unwrap();
    }
    record
}

fn save(fixture: &Fixture, record: &ClockRecord) -> Vec<VcpuState> {
    let save =
        |(vcpu, clock)| VcpuState::save(&"vcpu".into(), vcpu, fixture.capabilities(), &fixture.msrs, clock).unwrap();
    fixture.vcpus.iter().zip(&record.vcpus).map(save).collect()
}

fn bytes(states: &[VcpuState]) -> Vec<u8> {
    postcard::to_stdvec(states).unwrap()
}

/// Two vCPUs, the first ready to start and with a few values of its own.
fn running() -> Option<Fixture> {
    let fixture = Fixture::new(CpuTopology { sockets: 1, cores: 1, threads: 2 })?;
    fixture.initialize();
    let boot = &fixture.vcpus[0];
    setup::start_at(boot, &Entry::Linux64 { rip: 0x10_0200, boot_params: 0x7000 }).unwrap();
    boot.set_msrs(&[msr::entry(0x4b56_4d01, 0x7001), msr::entry(0x277, 0x0007_0406_0007_0406)]).unwrap();
    if fixture.capabilities().debugregs {
        let mut debug = boot.get_debug_regs().unwrap();
        debug.db[0] = 0x1234;
        boot.set_debug_regs(&debug).unwrap();
    }
    if fixture.capabilities().xcrs && fixture.has_xsave() {
        let mut xcrs = boot.get_xcrs().unwrap();
        xcrs.xcrs[0].value = 3; // x87 and SSE
        boot.set_xcrs(&xcrs).unwrap();
    }
    let mut events = boot.get_vcpu_events().unwrap();
    events.nmi.masked = 1; // as in an NMI's handler
    boot.set_vcpu_events(&events).unwrap();
    fixture.vcpus[1].set_mp_state(kvm_mp_state { mp_state: KVM_MP_STATE_HALTED }).unwrap();

    // An APIC that is on, its timer armed for a time long after the test.
    let mut registers = boot.get_lapic().unwrap();
    lapic::write(&mut registers, lapic::SPURIOUS, 0x1ff);
    lapic::write(&mut registers, lapic::LVT_TIMER, 2 << 17 | 0xec);
    boot.set_lapic(&registers).unwrap();
    if fixture.capabilities().tsc_deadline {
        boot.set_msrs(&[msr::entry(msr::TSC_DEADLINE, DEADLINE)]).unwrap();
    }
    let mut xsave = boot.get_xsave().unwrap();
    xsave[40] = 0x600d_cafe; // XMM0
    xsave[128] |= 2; // XSTATE_BV: SSE
    boot.set_xsave(&xsave).unwrap();
    Some(fixture)
}

/// State of `states` but for what a restore lets go on: the TSC, and what a LAPIC timer counts.
fn without_time(mut states: Vec<VcpuState>) -> Vec<u8> {
    for state in &mut states {
        state.tsc = 0;
    }
    bytes(&states)
}

#[test]
fn saving_twice_gives_equal_bytes_while_the_hosts_clocks_run_on() {
    let Some(fixture) = running() else { return };
    let record = record(&fixture);
    let first = bytes(&save(&fixture, &record));
    let later = self::record(&fixture);
    assert!(later.vcpus[0].tsc > record.vcpus[0].tsc, "the host's clocks do run on");
    assert_eq!(first, bytes(&save(&fixture, &record)));
}

/// A new machine with the state of an old one, `elapsed_ns` later.
fn restore(record: &ClockRecord, states: &[VcpuState], elapsed_ns: u64) -> Fixture {
    let new = Fixture::new(CpuTopology { sockets: 1, cores: 1, threads: 2 }).unwrap();
    record.machine.restore(&new.vm, elapsed_ns).unwrap();
    for (state, vcpu) in states.iter().zip(&new.vcpus) {
        let through_bytes: VcpuState = postcard::from_bytes(&postcard::to_stdvec(state).unwrap()).unwrap();
        through_bytes.restore(&"vcpu".into(), vcpu, new.capabilities(), &new.msrs, elapsed_ns).unwrap();
    }
    new
}

#[test]
fn state_that_is_set_on_new_vcpus_is_read_back_the_same() {
    let Some(old) = running() else { return };
    let record = record(&old);
    let states = save(&old, &record);
    assert_eq!(states[0].tsc_deadline, if old.capabilities().tsc_deadline { DEADLINE } else { 0 });

    let new = restore(&record, &states, record.machine.elapsed_until(host_realtime_ns()));
    let again = self::record(&new);
    assert_eq!(without_time(states), without_time(save(&new, &again)));
}

#[test]
fn after_an_hour_on_disk_the_clocks_of_the_new_machine_are_an_hour_on() {
    let Some(old) = running() else { return };
    let record = record(&old);
    let states = save(&old, &record);
    let new = restore(&record, &states, HOUR_NS);
    let again = self::record(&new);

    let passed = again.machine.kvmclock_ns - record.machine.kvmclock_ns;
    assert!((HOUR_NS..HOUR_NS + SLACK_NS).contains(&passed), "kvmclock: {passed} ns");
    for ((state, before), after) in states.iter().zip(&record.vcpus).zip(&again.vcpus) {
        let Some(khz) = state.tsc_khz else { continue };
        assert!(after.tsc >= before.tsc);
        let passed = u128::from(after.tsc - before.tsc) * 1_000_000 / u128::from(khz);
        if host_differences::host().tsc_is_settable {
            assert!((HOUR_NS.into()..u128::from(HOUR_NS + SLACK_NS)).contains(&passed), "TSC: {passed} ns");
        }
        assert_eq!(after.tsc_deadline, before.tsc_deadline, "a deadline is absolute");
    }
    // In a synchronised guest the TSCs stay together: both were advanced from the same record.
    assert!(again.vcpus[0].tsc <= again.vcpus[1].tsc);
}

#[test]
fn kvmclock_and_tsc_run_on_while_a_machine_is_paused() {
    let Some(fixture) = running() else { return };
    let before = record(&fixture);
    let after = record(&fixture);
    let elapsed = before.machine.elapsed_until(after.machine.realtime_ns);
    assert!(after.machine.kvmclock_ns > before.machine.kvmclock_ns);
    // The clocks are read one after the other: allow for a descheduled test.
    let clock = after.machine.kvmclock_ns - before.machine.kvmclock_ns;
    assert!(clock.abs_diff(elapsed) < SLACK_NS, "kvmclock {clock} ns, the host's clock {elapsed} ns");
    assert!(after.vcpus[0].tsc > before.vcpus[0].tsc);
    for vcpu in &fixture.vcpus {
        clock::resumed_in_place(vcpu).unwrap();
    }
}
