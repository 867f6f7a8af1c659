//! Pausing, resuming and ending vCPUs that are in the guest.

use super::guest::{CODE, DEADLINE, Guest, HALT, Note, host, lone_vcpu};
use crate::kvm::{Exit, KickSignal, KvmVcpu};
use devices::bus::Width;
use std::convert::Infallible;

/// A loop of one instruction.
const SPIN: &[u8] = &[0xeb, 0xfe];
/// again: inc dword [0x2800]; jmp again
const COUNT: &[u8] = &[0x66, 0xff, 0x06, 0x00, 0x28, 0xeb, 0xf9];

fn registers(guest: &Guest) -> (u64, u64) {
    let mut found = (0, 0);
    let read = |_, vcpu: &KvmVcpu| {
        let regs = vcpu.get_regs().unwrap();
        found = (regs.rip, regs.rbx);
        Ok::<_, Infallible>(())
    };
    let Ok(()) = guest.vcpus.each(read);
    found
}

#[test]
fn busy_vcpus_are_paused_and_resumed_many_times() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[COUNT, SPIN]);
    for _ in 0..50 {
        guest.vcpus.resume();
        guest.wait_until_changed(0x2800);
        guest.vcpus.pause();
        let (counter, (rip, _)) = (guest.word(0x2800), registers(&guest));
        assert_eq!(rip, CODE + 0x1000, "vCPU 1 stands in its loop");
        assert_eq!(guest.word(0x2800), counter);
    }
    assert_eq!(guest.notes.recv_timeout(DEADLINE).unwrap(), Note::FirstRun);
    assert!(guest.notes.try_recv().is_err(), "nothing else happened");
    guest.vcpus.join().unwrap();
}

#[test]
fn a_pause_completes_the_input_that_was_half_done() {
    let Some(kvm) = host() else { return };
    // mov dx, 0x1f0; again: in al, dx; inc bx; jmp again
    let guest = Guest::new(&kvm, &[&[0xba, 0xf0, 0x01, 0xec, 0x43, 0xeb, 0xfc]]);
    let mut reads = 0;
    for round in 0..200 {
        guest.vcpus.resume();
        // Some rounds are paused at once, some after an access.
        if round % 2 == 0 {
            assert_eq!(guest.next(), Note::Read(0x1f0, Width::Byte));
            reads += 1;
        }
        guest.vcpus.pause();
        reads += guest.notes.try_iter().filter(|note| matches!(note, Note::Read(..))).count() as u64;
        let (rip, rbx) = registers(&guest);
        // Behind the `in`, it has been counted by the bus but not yet by the guest.
        let uncounted = u64::from(rip == CODE + 4);
        assert_eq!((rbx + uncounted) & 0xffff, reads & 0xffff, "at {rip:#x}");
    }
}

#[test]
fn a_halt_from_within_an_access_ends_the_vcpu_before_its_next_instruction() {
    let Some(kvm) = host() else { return };
    // out 0x90, al; mov byte [0x2800], 1; jmp $
    let guest = Guest::new(&kvm, &[&[0xe6, 0x90, 0xc6, 0x06, 0x00, 0x28, 1, 0xeb, 0xfe], SPIN]);
    guest.vcpus.resume();
    assert_eq!(guest.next(), Note::Write(HALT, Width::Byte, 0));
    // After a halt, a pause waits for the end.
    guest.vcpus.pause();
    assert_eq!(guest.read(0x2800, 1), [0]);
    guest.vcpus.join().unwrap();
}

#[test]
fn a_kick_before_the_run_is_not_lost() {
    let Some(kvm) = host() else { return };
    KickSignal::install(0).unwrap();
    let (_keep, mut vcpu) = lone_vcpu(&kvm, SPIN);
    let kick = vcpu.kicker();
    kick.attach().unwrap();
    for _ in 0..100 {
        kick.set_immediate_exit(false);
        kick.kick();
        assert_eq!(vcpu.run().unwrap(), Exit::Interrupted);
    }
}

#[test]
fn an_instruction_that_the_host_cannot_emulate_is_reported_once_with_registers() {
    let Some(kvm) = host() else { return };
    // jmp 0x7000:0x0000, where no memory is
    let guest = Guest::new(&kvm, &[&[0xea, 0x00, 0x00, 0x00, 0x70], SPIN]);
    guest.vcpus.resume();
    let message = loop {
        match guest.next() {
            Note::Crashed(0, message) => break message,
            Note::Read(..) => {}
            note => panic!("{note:?}"),
        }
    };
    assert!(message.starts_with("vCPU 0: "), "{message}");
    assert!(message.contains("cannot emulate"), "{message}");
    assert!(message.contains("registers: rip="), "{message}");
    guest.vcpus.join().unwrap();
    assert!(guest.notes.try_iter().all(|note| !matches!(note, Note::Crashed(..))));
}
