//! What an owner may ask of a machine, when, and what it hears.

use std::thread;
use std::time::Duration;

use integration::machine::{DEADLINE, Guest};
use vmm::{Refusal, ResetSource, StopReason, VmError, VmEvent, VmHandle, VmState};

use super::{another, machine};

type Request = fn(&VmHandle) -> Result<(), VmError>;

fn assert_refused(guest: &Guest, requests: &[(&str, Request)], because: Refusal) {
    for (name, request) in requests {
        match request(&guest.handle) {
            Err(VmError::Refused(refusal)) => assert_eq!(refusal, because, "{name}"),
            other => panic!("{name} was not refused: {other:?}"),
        }
    }
}

#[test]
fn requests_that_do_not_fit_the_state_are_refused_and_change_nothing() {
    let Some(machine) = machine("wait") else { return };
    let mut guest = machine.build();
    assert_eq!(guest.handle.state(), VmState::Built);
    let started_only: [(&str, Request); 3] =
        [("pause", VmHandle::pause), ("resume", VmHandle::resume), ("reset", VmHandle::reset)];
    assert_refused(&guest, &started_only, Refusal::NotStarted);
    guest.handle.start().unwrap();
    assert_refused(&guest, &[("start", VmHandle::start)], Refusal::AlreadyStarted);
    guest.handle.resume().unwrap(); // it runs: nothing to do
    guest.line("waiting");
    guest.handle.pause().unwrap();
    guest.handle.pause().unwrap();
    assert_refused(&guest, &[("start", VmHandle::start)], Refusal::AlreadyStarted);
    guest.handle.resume().unwrap();
    guest.handle.stop().unwrap();
    guest.handle.stop().unwrap();
    assert_refused(&guest, &[("start", VmHandle::start)], Refusal::Stopped);
    assert_refused(&guest, &started_only, Refusal::Stopped);
    let ended = VmEvent::Stopped(StopReason::Requested);
    assert_eq!(guest.events_to_the_end(), [VmEvent::Started, VmEvent::Paused, VmEvent::Resumed, ended]);
}

#[test]
fn a_machine_can_be_stopped_before_its_start_while_it_runs_and_while_it_is_paused() {
    let Some(machine) = machine("wait") else { return };
    let built = machine.build();
    let mut running = another("smp spin=3600000").cpus(2).start();
    running.answer("smp");
    let mut paused = another("wait").start();
    paused.line("waiting");
    paused.handle.pause().unwrap();
    for mut guest in [built, running, paused] {
        guest.handle.stop().unwrap();
        assert_eq!(guest.handle.state(), VmState::Stopped);
        assert_eq!(guest.stopped(), StopReason::Requested);
    }
}

#[test]
fn dropping_the_last_handle_stops_the_machine() {
    let Some(machine) = machine("wait") else { return };
    let mut guest = machine.start();
    guest.line("waiting");
    let events = guest.handle.events();
    let kept = guest.handle.clone();
    drop(guest);
    assert_eq!(kept.state(), VmState::Running);
    assert_eq!(events.next(Some(Duration::ZERO)), None);
    drop(kept);
    assert_eq!(events.next(Some(DEADLINE)), Some(VmEvent::Stopped(StopReason::Requested)));
}

#[test]
fn a_machine_that_was_never_started_can_be_dropped() {
    let Some(machine) = machine("wait") else { return };
    let guest = machine.cpus(4).build();
    let events = guest.handle.events();
    drop(guest);
    assert_eq!(events.next(Some(DEADLINE)), Some(VmEvent::Stopped(StopReason::Requested)));
}

#[test]
fn events_come_in_the_order_of_what_happened_to_every_reader() {
    let Some(machine) = machine("wait") else { return };
    let mut guest = machine.build();
    let second = guest.handle.events();
    let requests: [Request; 5] = [VmHandle::start, VmHandle::pause, VmHandle::resume, VmHandle::reset, VmHandle::stop];
    for request in requests {
        request(&guest.handle).unwrap();
    }
    let expected = [
        VmEvent::Started,
        VmEvent::Paused,
        VmEvent::Resumed,
        VmEvent::Reset { source: ResetSource::Request },
        VmEvent::Stopped(StopReason::Requested),
    ];
    assert_eq!(guest.events_to_the_end(), expected);
    assert!(expected.iter().all(|event| second.next(Some(DEADLINE)).as_ref() == Some(event)));
    // Who comes late is told how it ended.
    assert_eq!(guest.handle.events().next(Some(DEADLINE)).as_ref(), expected.last());
}

#[test]
fn waiting_ends_with_the_machine_or_with_the_timeout() {
    let Some(machine) = machine("wait exit=5") else { return };
    let mut guest = machine.start();
    guest.line("waiting");
    assert_eq!(guest.handle.wait(Some(Duration::from_millis(20))), None);
    let waiter = guest.handle.clone();
    let waiter = thread::spawn(move || waiter.wait(None));
    guest.send(b"x");
    let ended = StopReason::DebugExit { status: 5 };
    assert_eq!(waiter.join().unwrap(), Some(ended.clone()));
    assert_eq!(guest.handle.wait(None), Some(ended));
}

#[test]
fn owners_in_several_threads_do_not_disturb_each_other() {
    let Some(machine) = machine("smp spin=3600000") else { return };
    let mut guest = machine.cpus(2).start();
    guest.answer("smp");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    guest.handle.pause().unwrap();
                    guest.handle.resume().unwrap();
                }
            });
        }
    });
    assert_eq!(guest.handle.state(), VmState::Running);
    guest.handle.stop().unwrap();
}
