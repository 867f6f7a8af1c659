//! Machines leave nothing behind in their process. A binary of its own, with one test, so that nothing runs beside it.

use std::fs;
use std::thread;
use std::time::Instant;

use integration::machine::{DEADLINE, Scene, TestDisk, kvm_or_skip, long};
use vmm::{KernelEntry, StopReason};

/// RAM of these machines: nothing else maps so much to be written.
const MEMORY_MIB: u64 = 52;

const Q35: Scene = Scene::Q35(KernelEntry::Pvh);
const SCENES: [Scene; 3] = [Scene::Microvm, Scene::MicrovmWithoutAcpi, Q35];

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// Mappings of guest memory and of KVM's.
    machine_mappings: usize,
}

impl Held {
    fn now() -> Self {
        let entries = |path: &str| fs::read_dir(path).map_or(0, Iterator::count);
        Self {
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            machine_mappings: mappings().lines().filter(|line| is_machine_mapping(line)).count(),
        }
    }
}

/// What this process holds as soon as that is `expected`, or in the end: a thread that was joined stands in the list for
/// a moment still.
fn held_in_the_end(expected: Held) -> Held {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let held = Held::now();
        if held == expected || Instant::now() >= deadline {
            return held;
        }
        thread::yield_now();
    }
}

fn mappings() -> String {
    fs::read_to_string("/proc/self/maps").expect("the list of mappings")
}

fn is_machine_mapping(line: &str) -> bool {
    let size = line.split_once(' ').and_then(|(range, _)| {
        let (start, end) = range.split_once('-')?;
        Some(u64::from_str_radix(end, 16).ok()? - u64::from_str_radix(start, 16).ok()?)
    });
    line.contains("kvm") || line.contains(" rw") && size.is_some_and(|size| size >= MEMORY_MIB << 20)
}

/// One machine, from its build to its end: with disks and console, paused and reset on its way.
fn live(number: usize) {
    let disk = TestDisk::patterned(64, 1);
    let scene = SCENES[number % SCENES.len()];
    let mut guest =
        scene.machine("smp blk=0,r:0:64:1 rng wait exit=0").cpus(2).memory_mib(MEMORY_MIB).disk("disk0", &disk).start();
    guest.line("waiting");
    match number % 5 {
        0 => guest.handle.stop().expect("a running machine stops"),
        1 => {
            guest.handle.reset().expect("a running machine is reset");
            guest.line("waiting");
            guest.handle.pause().expect("a running machine is paused");
        }
        2 => {
            guest.handle.pause().expect("a running machine is paused");
            guest.handle.resume().expect("a paused machine is resumed");
            guest.send(b"x");
            assert_eq!(guest.stopped(), StopReason::DebugExit { status: 0 });
        }
        _ => {
            guest.send(b"x");
            assert_eq!(guest.stopped(), StopReason::DebugExit { status: 0 });
        }
    }
}

fn at_once(machines: usize) {
    thread::scope(|scope| (0..machines).for_each(|number| drop(scope.spawn(move || live(number)))));
}

/// A machine whose devices' ranges and doorbells come and go with every boot, on the root bus and behind a root port.
fn is_reset(times: usize) {
    let [first, second] = [1, 2].map(|seed| TestDisk::patterned(64, seed));
    let script = "blk=0,r:0:64:1 blk=1,r:0:64:2 rng wait";
    let machine = Q35.machine(script).memory_mib(MEMORY_MIB).disk("disk0", &first);
    let mut guest = machine.disk_behind_a_root_port("disk1", &second).start();
    guest.line("waiting");
    let before = Held::now();
    for _ in 0..times {
        guest.handle.reset().expect("a running machine is reset");
        guest.line("waiting");
    }
    assert_eq!(held_in_the_end(before), before, "after {times} resets");
}

#[test]
fn machines_one_after_another_at_once_and_reset_leave_no_descriptor_thread_or_mapping() {
    if !kvm_or_skip() {
        return;
    }
    let (in_a_row, together) = (long(100, 10), long(20, 4));
    let before = Held::now();
    // Allocators and the C library keep some mappings of what they had at their peak: reach it first.
    at_once(together);
    let mappings_before = mappings();
    (0..in_a_row).for_each(live);
    is_reset(in_a_row);
    at_once(together);
    assert_eq!(held_in_the_end(before), before, "mappings before:\n{mappings_before}\nand after:\n{}", mappings());
    // Those mappings come and go; one for each machine would be a leak.
    let (count_before, count_after) = (mappings_before.lines().count(), mappings().lines().count());
    assert!(count_after < count_before + in_a_row, "{count_before} mappings grew to {count_after}:\n{}", mappings());
}
