//! A hundred machines in one process, and what stops the next one.

use std::fs;

use integration::machine::{Guest, Scene, TestDisk, TestMachine, kvm_or_skip};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vmm::{KernelEntry, StopReason};

use super::{alone, chain};

const MACHINES: usize = 100;
const SCENES: [Scene; 2] = [Scene::Microvm, Scene::Q35(KernelEntry::Pvh)];

fn machine(number: usize, disk: &TestDisk) -> TestMachine {
    SCENES[number % SCENES.len()].machine("blk=0,r:0:8:1 wait poweroff").memory_mib(16).read_only_disk("disk0", disk)
}

fn ends_well(mut guest: Guest) {
    guest.line("waiting");
    powers_off(guest);
}

fn powers_off(mut guest: Guest) {
    guest.send(b"x");
    assert_eq!(guest.stopped(), StopReason::PoweredOff);
}

#[test]
fn a_hundred_machines_run_at_once_in_one_process() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    let _limit = OpenFiles::as_many_as_allowed();
    let disk = TestDisk::patterned(8, 1);
    let guests: Vec<Guest> = (0..MACHINES).map(|number| machine(number, &disk).start()).collect();
    guests.into_iter().for_each(ends_well);
}

/// Sets the limit until it is dropped.
struct OpenFiles(Rlimit);

impl OpenFiles {
    fn at_most(number: u64) -> Self {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(number), ..before }).unwrap();
        Self(before)
    }

    /// A hundred machines have some thousands.
    fn as_many_as_allowed() -> Self {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before }).unwrap();
        Self(before)
    }
}

impl Drop for OpenFiles {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

#[test]
fn the_machine_that_needs_more_open_files_than_allowed_is_refused_by_name_and_the_others_run_on() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    let disk = TestDisk::patterned(8, 1);
    let mut first = machine(0, &disk).start();
    // Its device has been activated, and opens nothing any more.
    first.line("waiting");
    let used = u64::try_from(fs::read_dir("/proc/self/fd").unwrap().count()).unwrap();
    // Wherever in a machine's making the descriptors come to their end.
    for more in 0..40 {
        let next = machine(1, &disk);
        let refused = {
            let _limit = OpenFiles::at_most(used + 4 + more);
            next.try_build()
        };
        let Err(error) = refused else { continue };
        let error = chain(error);
        assert!(error.contains("Too many open files") || error.contains("`ulimit -n`"), "{more}: {error}");
    }
    powers_off(first);
    ends_well(machine(2, &disk).start());
}
