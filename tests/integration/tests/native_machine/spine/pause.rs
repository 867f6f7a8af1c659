//! A paused machine stands still; a resumed one goes on where it was.

use std::time::Duration;

use integration::machine::{Guest, TestDisk, long, pattern};
use vmm::VmState;

use super::{SCENES, machine};

/// `blkloop`: sectors of one write, and places written in turn.
const SECTORS: u64 = 16;
const SLOTS: u64 = 8;
/// For how long a paused guest is watched.
const QUIET: Duration = Duration::from_millis(250);

/// What CPU `cpu` of `blkloop=rounds` leaves at its place.
fn left_behind(cpu: u64, rounds: u64) -> Vec<(u64, u64)> {
    (rounds - SLOTS..rounds).map(|round| (round % SLOTS * SECTORS, round * 2 + cpu)).collect()
}

fn assert_written(disk: &TestDisk, base: u64, cpu: u64, rounds: u64) {
    for (sector, seed) in left_behind(cpu, rounds) {
        let start = base + sector;
        assert!(disk.sectors(start, SECTORS) == pattern(start, SECTORS, seed), "cpu {cpu}, sector {start}");
    }
}

/// Pauses a few times while the guest works: nothing is printed or written meanwhile.
fn pause_often(guest: &mut Guest, disks: &[&TestDisk]) {
    for _ in 0..4 {
        guest.line("progress blkloop");
        guest.handle.pause().unwrap();
        assert_eq!(guest.handle.state(), VmState::Paused);
        // What was printed before the pause may still be under way.
        guest.console.settle(QUIET);
        let before: Vec<Vec<u8>> = disks.iter().map(|disk| disk.contents()).collect();
        assert!(guest.console.is_silent(QUIET), "a paused guest printed");
        assert!(disks.iter().zip(before).all(|(disk, before)| disk.contents() == before), "a paused guest wrote");
        guest.handle.resume().unwrap();
        assert_eq!(guest.handle.state(), VmState::Running);
    }
}

#[test]
fn two_vcpus_with_a_disk_each_lose_nothing_when_paused_in_the_middle() {
    let rounds = long(400, 60);
    let Some(machine) = machine(&format!("blkloop={rounds}")) else { return };
    let (first, second) = (TestDisk::empty(256), TestDisk::empty(256));
    let mut guest = machine.cpus(2).disk("disk0", &first).disk("disk1", &second).start();
    pause_often(&mut guest, &[&first, &second]);
    let answer = guest.answer("blkloop");
    assert_eq!((answer.number("cpus"), answer.number("errors"), answer.number("late")), (2, 0, 0));
    assert_written(&first, 0, 0, rounds);
    assert_written(&second, 0, 1, rounds);
}

#[test]
fn two_vcpus_on_one_disk_lose_nothing_when_paused_in_the_middle() {
    let rounds = long(400, 60);
    let Some(machine) = SCENES[SCENES.len() - 1].script(&format!("blkloop={rounds}")) else { return };
    let disk = TestDisk::empty(256);
    let mut guest = machine.cpus(2).disk("disk0", &disk).start();
    pause_often(&mut guest, &[&disk]);
    assert_eq!(guest.answer("blkloop").number("errors"), 0);
    assert_written(&disk, 0, 0, rounds);
    assert_written(&disk, SLOTS * SECTORS, 1, rounds);
}

#[test]
fn a_machine_paused_and_resumed_a_hundred_times_in_a_row_still_finishes_its_work() {
    let Some(machine) = machine(&format!("blkloop={} timer", long(200, 40))) else { return };
    let disk = TestDisk::empty(256);
    let mut guest = machine.cpus(2).disk("disk0", &disk).start();
    for _ in 0..long(100, 20) {
        guest.handle.pause().unwrap();
        guest.handle.resume().unwrap();
    }
    assert_eq!(guest.answer("blkloop").number("errors"), 0);
    guest.answer("timer");
}

#[test]
fn input_that_arrives_during_a_pause_is_there_afterwards() {
    let Some(machine) = machine("wait") else { return };
    let mut guest = machine.start();
    guest.line("waiting");
    guest.handle.pause().unwrap();
    guest.send(b"q");
    assert!(guest.console.is_silent(QUIET), "a paused guest answered");
    guest.handle.resume().unwrap();
    assert_eq!(guest.answer("wait").number("byte"), u64::from(b'q'));
}

#[test]
fn vcpus_that_spin_without_an_exit_are_paused_too() {
    let Some(machine) = machine("smp spin=3600000") else { return };
    let mut guest = machine.cpus(2).start();
    guest.answer("smp");
    for _ in 0..5 {
        guest.handle.pause().unwrap();
        guest.handle.resume().unwrap();
    }
    guest.handle.stop().unwrap();
    assert_eq!(guest.handle.state(), VmState::Stopped);
}
