//! How virtio disks are served: by io_uring or not, by which threads, within which limits.

use integration::machine::{Guest, TestDisk, TestMachine, pattern};
use vmm::{DeviceId, DiskQueueStatistics, IoThreadsPolicy, Rate};

use super::machine;

/// With the first disk's configuration changed.
fn with_disk(machine: TestMachine, change: impl FnOnce(&mut vmm::DiskConfig)) -> TestMachine {
    machine.configured(|config| change(&mut config.disks[0]))
}

/// What went through the first disk, by queue.
fn counted(guest: &Guest) -> Vec<DiskQueueStatistics> {
    guest.handle.statistics().disks.remove(&DeviceId::from("disk0")).unwrap()
}

#[test]
fn disks_work_with_io_uring_and_without_and_the_statistics_tell_which() {
    for io_uring in [true, false] {
        let Some(machine) = machine("blk=0,w:0:256:3,f,r:0:256:3") else { return };
        let disk = TestDisk::patterned(256, 1);
        let machine = machine.disk("disk0", &disk).configured(|config| config.io_threads.io_uring = io_uring);
        let mut guest = machine.start();
        guest.answer("blk");
        let statistics = guest.handle.statistics();
        assert_eq!(statistics.rings.made + statistics.rings.refused, u64::from(io_uring));
        let queue = &counted(&guest)[0];
        assert_eq!((queue.reads, queue.writes, queue.flushes, queue.errors), (8, 8, 1, 0));
        assert_eq!((queue.read_bytes, queue.written_bytes), (256 * 512, 256 * 512));
        assert_eq!(queue.latencies.0.iter().sum::<u64>(), 17);
        assert!(disk.contents() == pattern(0, 256, 3));
    }
}

#[test]
fn each_policy_of_threads_serves_two_disks_of_two_vcpus_through_pauses() {
    for (policy, count) in [(IoThreadsPolicy::Shared, None), (IoThreadsPolicy::Pool, Some(2))] {
        let Some(machine) = machine("blkloop=60") else { return };
        let (first, second) = (TestDisk::empty(256), TestDisk::empty(256));
        let machine = machine.cpus(2).disk("disk0", &first).disk("disk1", &second).configured(|config| {
            config.io_threads.policy = policy;
            config.io_threads.count = count;
        });
        let mut guest = machine.start();
        for _ in 0..5 {
            guest.handle.pause().unwrap();
            guest.handle.resume().unwrap();
        }
        guest.answer("blkloop");
    }
}

#[test]
fn a_limited_disk_makes_requests_wait_and_loses_none() {
    let Some(machine) = machine("blk=0,w:0:960:3,r:0:960:3") else { return };
    let disk = TestDisk::patterned(1024, 1);
    let machine = with_disk(machine.disk("disk0", &disk), |disk| {
        disk.rate_limit.operations = Some(Rate { per_second: 200, burst: 20 });
    });
    let mut guest = machine.start();
    guest.answer("blk");
    let queue = counted(&guest).remove(0);
    assert_eq!((queue.reads, queue.writes), (30, 30));
    // Requests come one after the other: 40 of them beyond the burst, less what the bucket gained meanwhile.
    assert!(queue.throttled > 0);
    assert!(disk.sectors(0, 960) == pattern(0, 960, 3));
}
