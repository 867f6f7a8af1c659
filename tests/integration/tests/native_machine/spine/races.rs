//! The guest ends or resets at the moment at which its owner asks for something else.

use std::thread;

use integration::machine::{TestDisk, long};
use vmm::{Refusal, StopReason, VmError, VmEvent};

use super::machine;

/// The request was done, or came after the machine's end.
fn done_or_too_late(result: Result<(), VmError>) {
    match result {
        Ok(()) | Err(VmError::Refused(Refusal::Stopped)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_that_ends_while_it_is_being_paused_ends_for_its_own_reason() {
    for number in 0..long(20, 5) {
        let Some(machine) = machine(&format!("mark={number} exit=9")) else { return };
        let mut guest = machine.memory_mib(16).start();
        // Wherever in its short life the guest is: pauses of different numbers meet different moments.
        for _ in 0..=number {
            done_or_too_late(guest.handle.pause());
            done_or_too_late(guest.handle.resume());
        }
        assert_eq!(guest.stopped(), StopReason::DebugExit { status: 9 });
        let events = guest.events_to_the_end();
        let count = |event: &VmEvent| events.iter().filter(|other| *other == event).count();
        assert!(count(&VmEvent::Paused) - count(&VmEvent::Resumed) <= 1, "{events:?}");
    }
}

#[test]
fn resets_of_the_guest_and_pauses_of_its_owner_do_not_lock_each_other_out() {
    let Some(machine) = machine("reset=i8042") else { return };
    let mut guest = machine.cpus(2).memory_mib(16).start();
    let owner = guest.handle.clone();
    thread::scope(|scope| {
        let pausing = scope.spawn(move || {
            for _ in 0..30 {
                owner.pause().unwrap();
                owner.resume().unwrap();
            }
        });
        for _ in 0..5 {
            guest.line("begin reset");
        }
        pausing.join().unwrap();
    });
    guest.handle.stop().unwrap();
    assert_eq!(guest.stopped(), StopReason::Requested);
}

#[test]
fn resets_by_the_owner_come_at_any_moment() {
    let Some(machine) = machine("smp blk=0,r:0:64:1,w:0:64:1,r:0:64:1 rng wait") else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = machine.cpus(2).disk("disk0", &disk).start();
    for _ in 0..long(20, 5) {
        guest.handle.reset().unwrap();
    }
    for prefix in ["ok smp", "ok blk", "ok rng"] {
        guest.line(prefix);
        guest.handle.reset().unwrap();
    }
    // A boot that is cut off leaves half a line, so `hello` is not looked for.
    guest.line("ok smp");
    guest.line("ok rng");
    guest.line("waiting");
}
