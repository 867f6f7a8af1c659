//! Holds, from outside and from vCPU threads, alone and beside a pause.

use super::fake::{Acting, Machine, Step, nothing};
use crate::memory::VcpuBarrier;
use crate::thread::{ThreadRole, Threads};
use crate::vcpu::VcpuControl;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

fn assert_still(machine: &Machine) {
    let before = machine.instructions();
    assert!(machine.shared.iter().all(|shared| !shared.inside.load(SeqCst)));
    for _ in 0..10 {
        std::thread::yield_now();
    }
    assert_eq!(machine.instructions(), before);
}

#[test]
fn nobody_is_in_the_guest_during_a_hold() {
    let machine = Machine::new(&[&[Step::Spin], &[Step::Write], &[Step::Twice]], nothing);
    machine.vcpus.resume();
    for _ in 0..300 {
        let before = machine.instructions();
        let outer = machine.control.hold();
        drop(machine.control.hold());
        assert_still(&machine);
        drop(outer);
        machine.wait_for_progress(&before);
    }
}

#[test]
fn a_hold_costs_nothing_before_there_are_vcpus_and_while_they_are_paused() {
    drop(VcpuControl::new().hold());
    let machine = Machine::new(&[&[Step::Spin]], nothing);
    let held = machine.control.hold();
    machine.vcpus.pause();
    machine.vcpus.resume();
    assert_still(&machine);
    drop(held);
    machine.wait_for_progress(&[0]);
}

#[test]
fn vcpus_hold_each_other_from_their_exits_as_the_address_space_does() {
    // Both vCPUs commit under one lock, as AddressSpace does: who waits for the lock must count as held.
    let commits = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&commits);
    let machine = Machine::new(&[&[Step::Write], &[Step::Read], &[Step::Spin]], |control| {
        let (control, space) = (control.clone(), Mutex::new(()));
        Arc::new(Acting(move || {
            let _space = space.lock().unwrap();
            let _held = control.hold();
            counter.fetch_add(1, SeqCst);
        }))
    });
    machine.vcpus.resume();
    super::fake::wait_until(|| commits.load(SeqCst) >= 500);
    machine.vcpus.pause();
    assert_eq!(machine.shared[0].completed.load(SeqCst), machine.shared[0].instructions.load(SeqCst));
}

#[test]
fn pauses_and_holds_from_several_threads_do_not_disturb_each_other() {
    let machine = Machine::new(&[&[Step::Write], &[Step::Twice], &[Step::Spin], &[Step::Read]], |control| {
        let control = control.clone();
        Arc::new(Acting(move || drop(control.hold())))
    });
    let (threads, end) = (Threads::unconfined(), Arc::new(AtomicBool::new(false)));
    let holders: Vec<_> = (0..2)
        .map(|_| {
            let (control, end, shared) = (machine.control.clone(), Arc::clone(&end), machine.shared.clone());
            let hold = move || {
                while !end.load(SeqCst) {
                    let _held = control.hold();
                    assert!(shared.iter().all(|shared| !shared.inside.load(SeqCst)));
                }
            };
            threads.spawn(ThreadRole::Loader, hold).unwrap()
        })
        .collect();
    for _ in 0..200 {
        machine.vcpus.resume();
        machine.vcpus.pause();
        assert_still(&machine);
    }
    end.store(true, SeqCst);
    for holder in holders {
        holder.join().unwrap().unwrap();
    }
    // The last hold has gone: the vCPUs run again.
    let before = machine.instructions();
    machine.vcpus.resume();
    machine.wait_for_progress(&before);
    machine.vcpus.join().unwrap();
}

#[test]
fn a_halt_ends_vcpus_that_are_held() {
    let machine = Machine::new(&[&[Step::Spin], &[Step::Write]], nothing);
    machine.vcpus.resume();
    let held = machine.control.hold();
    machine.control.halt();
    machine.vcpus.pause();
    drop(held);
    machine.vcpus.join().unwrap();
}
