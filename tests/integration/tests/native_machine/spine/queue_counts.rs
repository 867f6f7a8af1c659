//! What requests cost: notifications, interrupts and exits of each, counted by the machine and by its driver.

use integration::machine::{Answer, TestDisk, long};
use vmm::{DeviceId, QueueStatistics};

use super::{another, machine};

const REQUESTS: u64 = 4096;

/// What the machine and its driver counted for `requests` reads of 4 KiB.
struct Counted {
    driver: Answer,
    queue: QueueStatistics,
    exits: u64,
}

fn reads(requests: u64, depth: u64, event_idx: bool) -> Counted {
    let disk = TestDisk::patterned(8192, 1);
    let script = format!("depth=0:{depth}:{requests}:4096:{}:0", u64::from(event_idx));
    let mut guest = another(&script).disk("disk0", &disk).start();
    let driver = guest.answer("depth");
    let statistics = guest.handle.statistics();
    Counted { driver, queue: statistics.queues[&DeviceId::from("disk0")][&0], exits: statistics.exits[0].total() }
}

#[test]
fn every_request_notification_and_interrupt_is_counted() {
    let Some(_) = machine("") else { return };
    for event_idx in [false, true] {
        let Counted { driver, queue, exits } = reads(REQUESTS, 1, event_idx);
        println!("depth 1, event_idx={event_idx}: {queue:?}, {exits} exits, {}", driver.line());
        assert_eq!((queue.chains, queue.read_bytes, queue.written_bytes), (REQUESTS, 16 * REQUESTS, 4097 * REQUESTS));
        // While the worker finds requests, it reads no notifications; those of the last ones may be left unread.
        let notified = driver.number("notifications");
        assert!((notified / 2..=notified).contains(&queue.notifications), "{queue:?}, {notified}");
        assert!(queue.notifications <= REQUESTS && queue.interrupts <= REQUESTS, "{queue:?}");
        assert!(queue.interrupts > 0 && queue.interrupts >= driver.number("interrupts"), "{queue:?}");
    }
}

#[test]
fn of_thirty_two_requests_at_a_time_few_notify_interrupt_or_exit() {
    let Some(_) = machine("") else { return };
    // On an emulated host it is the host's timing that decides, and elsewhere may once.
    let (most, of) = long((1, 10), (3, 1));
    let few = (0..3).any(|_| {
        let (once, twice) = (reads(REQUESTS, 32, true), reads(2 * REQUESTS, 32, true));
        // Without the exits of the driver's start.
        let exits = twice.exits.saturating_sub(once.exits);
        println!("depth 32: {:?}, {exits} exits for {REQUESTS} requests, {}", twice.queue, twice.driver.line());
        assert_eq!(twice.queue.chains, 2 * REQUESTS);
        let costs = [twice.queue.notifications, twice.queue.interrupts, 2 * exits];
        costs.iter().all(|cost| cost * of <= 2 * most * REQUESTS)
    });
    assert!(few);
}

#[test]
fn a_disk_s_queue_is_reset_in_the_middle_of_its_requests_and_none_is_lost_or_mixed_up() {
    let Some(machine) = machine("depth=0:32:4096:4096:1:20") else { return };
    let disk = TestDisk::patterned(8192, 1);
    let mut guest = machine.disk("disk0", &disk).start();
    assert_eq!(guest.answer("depth").number("resets"), 20);
    let queue = guest.handle.statistics().queues[&DeviceId::from("disk0")][&0];
    // What was in flight may have been used, or not.
    assert!((REQUESTS..=REQUESTS + 20 * 32).contains(&queue.chains), "{queue:?}");
}
