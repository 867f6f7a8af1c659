//! What virtio disks offer, negotiated and not, and what the host sees of it.

use integration::machine::{Guest, TestDisk, TestMachine, pattern};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use vmm::{CacheMode, DeviceId, DiskQueueStatistics, IoThreadsPolicy, Rate};

use super::{another, machine};

/// DISCARD and WRITE_ZEROES, CONFIG_WCE, FLUSH.
const DISCARD: u64 = 1 << 13 | 1 << 14;
const CONFIG_WCE: u64 = 1 << 11;
const FLUSH: u64 = 1 << 9;
const MQ: u64 = 1 << 12;
/// Every feature of the device, and those of queues: INDIRECT_DESC, EVENT_IDX.
const ALL: u64 = 0xff_ffff | 1 << 28 | 1 << 29;

/// With the first disk's configuration changed.
fn with_disk(machine: TestMachine, change: impl FnOnce(&mut vmm::DiskConfig)) -> TestMachine {
    machine.configured(|config| change(&mut config.disks[0]))
}

/// What went through the first disk, by queue.
fn counted(guest: &Guest) -> Vec<DiskQueueStatistics> {
    guest.handle.statistics().disks.remove(&DeviceId::from("disk0")).unwrap()
}

/// Blocks of 512 bytes that the file of `disk` takes.
fn blocks(disk: &TestDisk) -> u64 {
    std::fs::metadata(disk.path()).unwrap().blocks()
}

#[test]
fn every_feature_works_negotiated_and_the_disk_works_without_any() {
    let script = format!(
        "rawblk=0:{ALL:#x},w:0:64:3,r:0:64:3,f,d:128:128,z:256:128:1,zero:256:128,z:384:8,zero:384:8 \
         rawblk=0:0x0,r:0:64:3,w:64:8:4,f,d!:0:8,z!:0:8,r:0:64:3,r:64:8:4 rawblk=0:{:#x},w:0:8:9,r:0:8:9",
        1u64 << 28
    );
    let Some(machine) = machine(&script) else { return };
    let disk = TestDisk::patterned(512, 1);
    let mut guest = machine.disk("disk0", &disk).start();
    let features = guest.answer("rawblk").number("features");
    assert_eq!(features & (DISCARD | CONFIG_WCE | FLUSH), DISCARD | CONFIG_WCE | FLUSH);
    assert_eq!(guest.answer("rawblk").number("features"), 0);
    guest.answer("rawblk");
    assert!(disk.sectors(0, 8) == pattern(0, 8, 9) && disk.sectors(8, 56) == pattern(8, 56, 3));
    assert!(disk.sectors(256, 136) == vec![0; 136 * 512]);
    assert!(disk.sectors(392, 120) == pattern(392, 120, 1), "nothing else was changed");
}

#[test]
fn what_the_guest_discards_is_given_back_to_the_host_and_what_it_only_zeroes_is_not() {
    const MIB: u64 = 2048;
    let script =
        format!("rawblk=0:{ALL:#x},z:0:{MIB} wait rawblk=0:{ALL:#x},d:0:{MIB},z:{MIB}:{MIB}:1,zero:{MIB}:64,f");
    let Some(machine) = machine(&script) else { return };
    let disk = TestDisk::patterned(4 * MIB, 1);
    let before = blocks(&disk);
    let mut guest = machine.disk("disk0", &disk).start();
    guest.answer("rawblk");
    assert!(blocks(&disk) >= before, "the place of zeros is kept");
    guest.line("waiting");
    guest.send(b"x");
    guest.answer("rawblk");
    assert!(blocks(&disk) <= before - 2 * MIB, "{} of {before} blocks are left", blocks(&disk));
    assert!(disk.sectors(2 * MIB, 64) == pattern(2 * MIB, 64, 1));
}

#[test]
fn a_disk_without_discard_does_not_offer_it() {
    let Some(machine) = machine(&format!("rawblk=0:{ALL:#x},d!:0:8,z!:0:8,r:0:8:1")) else { return };
    let disk = TestDisk::patterned(64, 1);
    let machine = with_disk(machine.disk("disk0", &disk), |disk| disk.discard = false);
    assert_eq!(machine.start().answer("rawblk").number("features") & DISCARD, 0);
    assert!(disk.contents() == pattern(0, 64, 1));
}

#[test]
fn each_of_several_queues_reaches_the_whole_disk() {
    let script = format!("rawblk=0:{ALL:#x}:3,q:2,w:0:32:2,q:1,r:0:32:2,w:32:32:3,q:0,r:32:32:3,f");
    let Some(machine) = machine(&script) else { return };
    let disk = TestDisk::patterned(64, 1);
    let machine = with_disk(machine.disk("disk0", &disk), |disk| disk.queues = Some(3));
    let mut guest = machine.start();
    let answer = guest.answer("rawblk");
    assert_eq!((answer.number("queues"), answer.number("features") & MQ), (3, MQ));
    let requests: Vec<_> = counted(&guest).iter().map(|queue| (queue.reads, queue.writes, queue.flushes)).collect();
    assert_eq!(requests, [(1, 0, 1), (1, 1, 0), (0, 1, 0)]);
}

#[test]
fn a_disk_has_a_queue_for_each_of_two_vcpus_and_one_alone_has_no_multi_queue() {
    let Some(machine) = machine(&format!("rawblk=0:{ALL:#x}")) else { return };
    let disk = TestDisk::patterned(64, 1);
    let answer = machine.cpus(2).disk("disk0", &disk).start().answer("rawblk");
    assert_eq!((answer.number("queues"), answer.number("features") & MQ), (2, MQ));
    let answer = another(&format!("rawblk=0:{ALL:#x}")).disk("disk0", &disk).start().answer("rawblk");
    assert_eq!((answer.number("queues"), answer.number("features") & MQ), (1, 0));
}

#[test]
fn each_cache_mode_stores_what_is_written_and_offers_what_fits_it() {
    for cache in [CacheMode::WriteBack, CacheMode::WriteThrough, CacheMode::None] {
        let switch = if cache == CacheMode::WriteThrough { "f" } else { "wce:0,w:8:8:4,wce:1" };
        let script = format!("rawblk=0:{ALL:#x},w:0:40:3,{switch},w:8:8:4,f,r:0:8:3,r:8:8:4,r:16:24:3");
        let Some(machine) = machine(&script) else { return };
        let disk = TestDisk::patterned(64, 1);
        let machine = with_disk(machine.disk("disk0", &disk), |disk| disk.cache = cache);
        let mut guest = match machine.try_build() {
            Ok(guest) => guest,
            Err(error) => {
                let text = format!("{:#}", anyhow::Error::from(error));
                assert!(cache == CacheMode::None && text.contains("past the host's page cache"), "{text}");
                integration::skip::skip("the temporary directory's filesystem has no O_DIRECT");
                continue;
            }
        };
        guest.handle.start().unwrap();
        let features = guest.answer("rawblk").number("features") & (CONFIG_WCE | FLUSH);
        assert_eq!(features, if cache == CacheMode::WriteThrough { 0 } else { CONFIG_WCE | FLUSH }, "{cache:?}");
        assert!(disk.sectors(8, 8) == pattern(8, 8, 4));
    }
}

#[test]
fn a_guest_sees_a_disk_that_has_grown_and_uses_its_new_end() {
    let script = format!("rawblk=0:{ALL:#x},r!:64:8 rawblk=0:{ALL:#x},size:128,w:64:64:5,f");
    let Some(machine) = machine(&script) else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = machine.disk("disk0", &disk).start();
    guest.answer("rawblk");
    File::options().write(true).open(disk.path()).unwrap().set_len(128 * 512).unwrap();
    assert_eq!(guest.handle.refresh_disk(&"disk0".into()).unwrap(), 128 * 512);
    guest.answer("rawblk");
    assert!(disk.sectors(64, 64) == pattern(64, 64, 5));
    assert!(guest.handle.refresh_disk(&"disk1".into()).is_err());
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
    for (policy, count) in
        [(IoThreadsPolicy::Shared, None), (IoThreadsPolicy::Auto, None), (IoThreadsPolicy::Pool, Some(2))]
    {
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
    let Some(machine) = machine("blk=0,w:0:160:3,r:0:160:3 depth=0:8:20:512:1:0") else { return };
    let disk = TestDisk::patterned(1024, 1);
    let machine = with_disk(machine.disk("disk0", &disk), |disk| {
        disk.rate_limit.operations = Some(Rate { per_second: 40, burst: 4 });
    });
    let mut guest = machine.start();
    guest.answer("blk");
    guest.answer("depth");
    let queue = counted(&guest).remove(0);
    assert_eq!((queue.reads, queue.writes), (25, 5));
    // However slow the guest is, it asks for eight at once.
    assert!(queue.throttled > 0, "{queue:?}");
    assert!(disk.sectors(0, 160) == pattern(0, 160, 3));
}

/// What a guest read with so many requests at a time, and how long that took it, in ns.
fn read_at_depth(
    requests: u64,
    bytes: u64,
    change: impl FnOnce(&mut vmm::DiskConfig),
) -> Option<(DiskQueueStatistics, u64)> {
    let machine = machine(&format!("depth=0:16:{requests}:{bytes}:1:0"))?;
    let disk = TestDisk::patterned(8192, 1);
    let mut guest = with_disk(machine.disk("disk0", &disk), change).start();
    let ns = guest.answer("depth").number("ns");
    Some((counted(&guest).remove(0), ns))
}

#[test]
fn over_a_long_run_no_more_is_served_than_a_limit_allows() {
    const NS: u64 = 1_000_000_000;
    // The guest's clock and the host's may differ by a little.
    let served_by = |ns: u64, rate: Rate| rate.burst + rate.per_second * (ns + ns / 100) / NS + 1;

    // Each burst is less than what the guest asks for at once, so that it waits however slow it is.
    let rate = Rate { per_second: 2000, burst: 8 };
    let limit = |disk: &mut vmm::DiskConfig| disk.rate_limit.operations = Some(rate);
    let Some((queue, ns)) = read_at_depth(4000, 512, limit) else { return };
    assert_eq!(queue.reads, 4000);
    assert!(queue.reads <= served_by(ns, rate) && queue.throttled > 0, "{queue:?} in {ns} ns");

    let rate = Rate { per_second: 8 << 20, burst: 32 << 10 };
    let limit = |disk: &mut vmm::DiskConfig| disk.rate_limit.bytes = Some(rate);
    let Some((queue, ns)) = read_at_depth(4096, 4096, limit) else { return };
    assert_eq!(queue.read_bytes, 16 << 20);
    assert!(queue.read_bytes <= served_by(ns, rate) && queue.throttled > 0, "{queue:?} in {ns} ns");
}
