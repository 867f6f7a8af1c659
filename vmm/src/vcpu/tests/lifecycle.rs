//! Start, pause, resume, halt, join.

use super::fake::{Acting, FakeVcpu, Machine, Step, nothing, wait_until};
use crate::placement::Placement;
use crate::thread::Threads;
use crate::vcpu::{Buses, VcpuControl, VcpuError, VcpuEvents, Vcpus};
use devices::bus::Bus;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

#[test]
fn vcpus_start_paused_and_tell_the_first_run_once() {
    let machine = Machine::new(&[&[Step::Spin], &[Step::Write]], nothing);
    machine.vcpus.pause();
    assert_eq!(machine.instructions(), [0, 0]);
    assert_eq!(machine.events.first_runs.load(SeqCst), 0);
    for _ in 0..10 {
        let before = machine.instructions();
        machine.vcpus.resume();
        machine.wait_for_progress(&before);
        machine.vcpus.pause();
    }
    assert_eq!(machine.events.first_runs.load(SeqCst), 1);
}

#[test]
fn a_paused_vcpu_executes_nothing_wherever_the_pause_met_it() {
    // In the guest, between exits, and in exits.
    let machine = Machine::new(&[&[Step::Spin], &[Step::Write, Step::Read], &[Step::Twice]], nothing);
    for _ in 0..200 {
        let before = machine.instructions();
        machine.vcpus.resume();
        machine.wait_for_progress(&before);
        machine.vcpus.pause();
        let paused = machine.instructions();
        for _ in 0..10 {
            std::thread::yield_now();
        }
        assert_eq!(machine.instructions(), paused);
        assert!(machine.shared.iter().all(|shared| !shared.inside.load(SeqCst)));
    }
}

#[test]
fn a_pause_completes_every_access_that_was_begun() {
    let machine = Machine::new(&[&[Step::Write, Step::Read, Step::Twice]], nothing);
    for _ in 0..200 {
        let before = machine.instructions();
        machine.vcpus.resume();
        machine.wait_for_progress(&before);
        machine.vcpus.pause();
        let shared = &machine.shared[0];
        assert_eq!(shared.completed.load(SeqCst), shared.instructions.load(SeqCst));
    }
}

#[test]
fn state_is_reached_while_paused() {
    let machine = Machine::new(&[&[Step::Spin], &[Step::Spin]], nothing);
    machine.vcpus.resume();
    machine.vcpus.pause();
    let mut seen = Vec::new();
    let all: Result<(), ()> = machine.vcpus.each(|index, _| {
        seen.push(index);
        Ok(())
    });
    assert_eq!((all, seen), (Ok(()), vec![0, 1]));
    assert_eq!(machine.vcpus.each(|index, _| Err(index)), Err(0));
}

#[test]
fn a_halt_from_an_exit_lets_its_vcpu_execute_nothing_more() {
    let machine = Machine::new(&[&[Step::Write], &[Step::Spin]], |control| {
        let control = control.clone();
        Arc::new(Acting(move || control.halt()))
    });
    let shared = machine.shared.clone();
    machine.run_a_little(0);
    assert_eq!(shared[0].instructions.load(SeqCst), 1);
    // Nothing starts it again.
    machine.vcpus.resume();
    machine.vcpus.join().unwrap();
    assert_eq!(shared[0].instructions.load(SeqCst), 1);
    assert!(machine.events.crashes.lock().unwrap().is_empty());
}

#[test]
fn vcpus_are_joined_after_a_halt_in_any_state() {
    let running = Machine::new(&[&[Step::Spin], &[Step::Read]], nothing);
    running.vcpus.resume();
    running.control.halt();
    running.vcpus.join().unwrap();
    let paused = Machine::new(&[&[Step::Spin], &[Step::Read]], nothing);
    paused.vcpus.join().unwrap();
    let dropped = Machine::new(&[&[Step::Spin]], nothing);
    dropped.vcpus.resume();
    let shared = Arc::clone(&dropped.shared[0]);
    drop(dropped);
    assert_eq!(Arc::strong_count(&shared), 1, "threads and vCPUs are gone");
}

#[test]
fn a_halt_before_the_vcpus_exist_keeps_them_from_running() {
    let machine = Machine::new(&[&[Step::Spin]], |control| {
        control.halt();
        nothing(control)
    });
    machine.vcpus.resume();
    let shared = Arc::clone(&machine.shared[0]);
    machine.vcpus.join().unwrap();
    assert_eq!(shared.instructions.load(SeqCst), 0);
}

#[test]
fn a_triple_fault_halts_all_and_is_told_once() {
    let machine = Machine::new(&[&[Step::Spin], &[Step::TripleFault]], nothing);
    machine.run_a_little(1);
    assert_eq!(*machine.events.triple_faults.lock().unwrap(), [1]);
    machine.vcpus.join().unwrap();
    assert!(machine.events.crashes.lock().unwrap().is_empty());
}

#[test]
fn a_vcpu_that_cannot_go_on_is_reported_once_with_instruction_and_registers() {
    let machine = Machine::new(&[&[Step::Broken], &[Step::Spin]], nothing);
    machine.run_a_little(0);
    let crashes = machine.events.crashes.lock().unwrap().clone();
    let [(0, message)] = &crashes[..] else { panic!("{crashes:?}") };
    assert!(message.starts_with("vCPU 0: the host's KVM cannot emulate the instruction 0f 0a 0f: "), "{message}");
    assert!(message.ends_with("; registers: instructions=1"), "{message}");
}

#[test]
fn a_panic_in_a_vcpus_thread_stops_the_machine_instead_of_hanging_it() {
    let machine = Machine::new(&[&[Step::Panic], &[Step::Spin]], nothing);
    machine.run_a_little(0);
    drop(machine.control);
    assert!(matches!(machine.events.crashes.lock().unwrap()[..], [(0, _)]));
    assert!(matches!(machine.vcpus.join(), Err(VcpuError::Panicked(0))));
}

#[test]
fn a_refusing_sandbox_is_named_when_the_threads_are_joined() {
    let threads = Threads::new(Placement::default(), Arc::new(|_| Err(io::ErrorKind::PermissionDenied.into())));
    let buses = Buses { pio: Arc::new(Bus::new()), mmio: Arc::new(Bus::new()) };
    let events: Arc<dyn VcpuEvents> = Arc::new(super::fake::Events::default());
    let vcpus = vec![FakeVcpu::new(&[Step::Spin])];
    let vcpus = Vcpus::spawn(&threads, &VcpuControl::new(), vcpus, &buses, &events).unwrap();
    vcpus.resume();
    vcpus.pause();
    let error = vcpus.join().unwrap_err();
    assert!(error.to_string().contains("sandbox refuses the thread of vCPU 0"), "{error}");
}

#[test]
fn every_exit_is_told() {
    let machine = Machine::new(&[&[Step::Spin]], nothing);
    machine.run_a_little(0);
    assert!(machine.events.interruptions.load(SeqCst) > 0, "the pause");
}

#[test]
fn a_control_serves_one_set_of_vcpus() {
    let machine = Machine::new(&[&[Step::Spin]], nothing);
    let buses = Buses { pio: Arc::new(Bus::new()), mmio: Arc::new(Bus::new()) };
    let events: Arc<dyn VcpuEvents> = Arc::clone(&machine.events) as _;
    let again = Vcpus::<FakeVcpu>::spawn(&Threads::unconfined(), &machine.control, Vec::new(), &buses, &events);
    assert!(matches!(again, Err(VcpuError::Reused)));
    wait_until(|| machine.instructions() == [0]);
}
