//! Disks whose host fails: what the guest is told, and how it goes on when somebody has helped.

use integration::machine::{Guest, TestDisk, TestMachine, pattern};
use std::fs::File;
use std::os::unix::fs::FileExt;
use vmm::{DeviceId, OnError, VmEvent, VmState};

use super::machine;

fn with_policy(machine: TestMachine, policy: OnError) -> TestMachine {
    machine.configured(|config| config.disks[0].on_error = policy)
}

/// The end of the disk is gone, so that reads of it fail.
fn cut(disk: &TestDisk) -> File {
    let file = File::options().write(true).open(disk.path()).unwrap();
    file.set_len(32 * 512).unwrap();
    file
}

/// Waits until the machine is paused: which disk did that.
fn stopped_by(guest: &mut Guest) -> String {
    let mut by = String::new();
    loop {
        match guest.event() {
            VmEvent::DiskStopped { disk, error } => {
                assert!(!error.is_empty());
                by = disk.to_string();
            }
            VmEvent::Paused => return by,
            _ => {}
        }
    }
}

#[test]
fn a_request_that_the_host_fails_stops_the_machine_by_name_and_is_tried_again_when_it_goes_on() {
    let Some(machine) = machine("blk=0,r:0:8:1 wait blk=0,r:60:4:1,r:0:64:1") else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = with_policy(machine.disk("disk0", &disk), OnError::Stop).start();
    guest.answer("blk");
    guest.line("waiting");
    let file = cut(&disk);
    guest.send(b"x");
    assert_eq!(stopped_by(&mut guest), "disk0");
    // Nobody has helped: it is stopped again.
    guest.handle.resume().unwrap();
    assert_eq!(stopped_by(&mut guest), "disk0");
    file.write_all_at(&pattern(32, 32, 1), 32 * 512).unwrap();
    guest.handle.resume().unwrap();
    guest.answer("blk");
    let queues = guest.handle.statistics().disks.remove(&DeviceId::from("disk0")).unwrap();
    assert_eq!(queues[0].errors, 2);
}

#[test]
fn enospace_and_report_tell_the_guest_of_an_error_that_is_no_lack_of_space() {
    for policy in [OnError::Enospace, OnError::Report] {
        let Some(machine) = machine("wait blk=0,rfail:60:4,r:0:8:1") else { return };
        let disk = TestDisk::patterned(64, 1);
        let mut guest = with_policy(machine.disk("disk0", &disk), policy).start();
        guest.line("waiting");
        let _file = cut(&disk);
        guest.send(b"x");
        guest.answer("blk");
        assert_eq!(guest.handle.state(), VmState::Running);
    }
}

#[test]
fn a_machine_that_a_disk_has_stopped_can_be_reset_and_stopped() {
    let Some(machine) = machine("wait blk=0,r:60:4:1") else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = with_policy(machine.disk("disk0", &disk), OnError::Stop).start();
    guest.line("waiting");
    let _file = cut(&disk);
    guest.send(b"x");
    stopped_by(&mut guest);
    guest.handle.reset().unwrap();
    assert_eq!(guest.handle.state(), VmState::Paused);
    guest.handle.resume().unwrap();
    guest.line("waiting");
    guest.handle.stop().unwrap();
}
