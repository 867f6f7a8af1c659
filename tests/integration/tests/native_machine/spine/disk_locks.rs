//! A disk belongs to one machine that writes it, or to any number that only read it.

use integration::machine::{Guest, TestDisk};
use vmm::VmState;

use super::{another, machine};

/// Starts a machine whose disk is in use: the error's whole chain.
fn refused(guest: &Guest) -> String {
    let error = guest.handle.start().expect_err("the disk is in use");
    format!("{:#}", anyhow::Error::from(error))
}

#[test]
fn a_disk_that_another_machine_writes_is_refused_by_name_until_that_machine_has_stopped() {
    let Some(machine) = machine("wait blk=0,r:0:8:1") else { return };
    let disk = TestDisk::patterned(8, 1);
    let mut first = machine.disk("first-disk", &disk).start();
    let mut second = another("blk=0,r:0:8:1,w:0:8:2,f").disk("second-disk", &disk).build();
    let error = refused(&second);
    assert!(error.contains("second-disk") && error.contains("in use"), "{error}");
    assert_eq!(second.handle.state(), VmState::Built);
    first.line("waiting");
    first.send(b"x");
    first.answer("blk");
    first.handle.stop().unwrap();
    second.handle.start().unwrap();
    second.answer("blk");
}

#[test]
fn a_disk_is_not_locked_before_the_start() {
    let Some(machine) = machine("blk=0,r:0:8:1") else { return };
    let disk = TestDisk::patterned(8, 1);
    let _built = machine.disk("disk0", &disk).build();
    let mut started = another("blk=0,r:0:8:1").disk("disk0", &disk).start();
    started.answer("blk");
}

#[test]
fn machines_that_only_read_share_a_disk_but_not_with_one_that_writes() {
    let Some(machine) = machine("blk=0,r:0:8:1 wait") else { return };
    let disk = TestDisk::patterned(8, 1);
    let mut first = machine.read_only_disk("disk0", &disk).start();
    let mut second = another("blk=0,r:0:8:1").read_only_disk("disk0", &disk).start();
    first.answer("blk");
    second.answer("blk");
    let writer = another("blk=0,w:0:8:2").disk("shared", &disk).build();
    assert!(refused(&writer).contains("shared"));
}

#[test]
fn a_disk_given_twice_to_one_machine_is_refused() {
    let Some(machine) = machine("stop") else { return };
    let disk = TestDisk::patterned(8, 1);
    let guest = machine.disk("disk0", &disk).disk("disk1", &disk).build();
    let error = refused(&guest);
    assert!(error.contains("disk1"), "{error}");
}

#[test]
fn a_machine_that_could_not_start_holds_no_disk() {
    let Some(machine) = machine("wait") else { return };
    let (free, taken) = (TestDisk::patterned(8, 1), TestDisk::patterned(8, 2));
    let _holder = machine.disk("disk0", &taken).start();
    let half = another("stop").disk("free", &free).disk("taken", &taken).build();
    assert!(refused(&half).contains("taken"));
    let mut other = another("blk=0,r:0:8:1").disk("disk0", &free).start();
    other.answer("blk");
}
