//! Pages and statistics in the queues.

use super::super::free_page_hint::FreePageHints;
use super::super::pages::{Direction, PageQueue};
use super::super::reporting::Reporting;
use super::super::statistics::Statistics;
use super::*;
use crate::virtio::testing::{Driver, NotedInterrupt, Served, Snapshot, TestMemory, is_memory, ram};
use crate::virtio::{QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

struct Scene<Q> {
    driver: Driver,
    queue: Served<Q>,
    interrupt: Arc<NotedInterrupt>,
    pages: Arc<FakePages>,
    port: Arc<BalloonPort>,
}

fn scene<Q: QueueHandler>(
    pages: FakePages,
    make: impl FnOnce(VirtQueue<TestMemory>, Arc<Discarder>, Arc<BalloonPort>) -> Q,
) -> Scene<Q> {
    let driver = Driver::new(ram(), 64);
    let (queue, interrupt) = driver.queue();
    let (pages, port) = (Arc::new(pages), Arc::new(BalloonPort::new().unwrap()));
    let queue = Served::new(make(queue, discarder(&pages), Arc::clone(&port)));
    Scene { driver, queue, interrupt, pages, port }
}

fn inflating(pages: FakePages) -> Scene<PageQueue<TestMemory>> {
    scene(pages, |queue, discarder, port| PageQueue::new(queue, Direction::Inflate(discarder), port))
}

fn list(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn pages_go_to_the_host_neighbours_together_and_each_once() {
    let mut scene = inflating(FakePages::default());
    scene.driver.fill(0x4000, &list(&[5, 3, 4, 0xb, 5, 1]));
    scene.driver.offer(0, &[(0x4000, 10, false), (0x400a, 14, false)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.pages.gone(), [0x1000..0x2000, 0x3000..0x6000, 0xb000..0xc000]);
    assert_eq!(
        (scene.driver.used(0), scene.interrupt.counts(), scene.port.status().inflated),
        ((0, 0), (1, 0), 5 * 4096)
    );
}

#[test]
fn pages_that_are_not_the_guests_break_the_queue() {
    for number in [8, 9, 0x10, 0xffff_ffff] {
        let mut scene = inflating(FakePages::default());
        scene.driver.fill(0x4000, &list(&[number]));
        scene.driver.offer(0, &[(0x4000, 4, false)]);
        assert!(!scene.queue.process());
        assert_eq!((scene.pages.gone(), scene.driver.used_index(), scene.interrupt.counts()), (vec![], 0, (0, 1)));
    }
}

#[test]
fn a_list_is_1_to_1024_whole_numbers() {
    for (parts, good) in [
        (&[(0x4000, 4096, false)][..], true),
        (&[(0x4000, 4096, false), (0x5000, 4, false)], false),
        (&[(0x4000, 5, false)], false),
        (&[(0x4000, 4, true)], false),
    ] {
        let mut scene = inflating(FakePages::default());
        scene.driver.offer(0, parts);
        scene.queue.process();
        assert_eq!(
            (scene.driver.used_index(), scene.interrupt.counts().1),
            (good.into(), u32::from(!good)),
            "{parts:?}"
        );
    }
}

#[test]
fn a_host_that_takes_nothing_is_no_fault_of_the_guest() {
    let mut scene = inflating(FakePages { refuses: true, ..FakePages::default() });
    scene.driver.fill(0x4000, &list(&[1]));
    scene.driver.offer(0, &[(0x4000, 4, false)]);
    scene.queue.process();
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts(), scene.port.status().inflated), (1, (1, 0), 0));
}

#[test]
fn deflating_is_acknowledged_and_needs_nothing() {
    let mut scene = scene(FakePages::default(), |queue, _, port| PageQueue::new(queue, Direction::Deflate, port));
    scene.driver.offer(0, &[(0x4000, 5, false)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.pages.gone()), (1, vec![]));
}

#[test]
fn one_call_serves_4_lists_and_asks_for_another() {
    let mut scene = inflating(FakePages::default());
    (0..5).for_each(|head| scene.driver.offer(head, &[(0x4000, 4, false)]));
    assert!(scene.queue.process());
    assert_eq!(scene.driver.used_index(), 4);
    assert!(!scene.queue.process());
}

#[test]
fn of_reported_memory_the_whole_pages_go_to_the_host() {
    let mut scene = scene(FakePages::default(), Reporting::new);
    scene.driver.offer(0, &[(0x4000, 0x2000, true), (0x6800, 0x1800, true), (0xa001, 0xfff, true)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.pages.gone(), [0x4000..0x6000, 0x7000..0x8000]);
    assert_eq!((scene.driver.used(0), scene.port.status().reported), ((0, 0), 0x3000));
}

#[test]
fn hints_that_nobody_asked_for_are_given_back() {
    let mut scene = scene(FakePages::default(), |queue, _, _| FreePageHints::new(queue));
    scene.driver.offer(0, &[(0x4000, 0x2000, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.pages.gone()), (1, vec![]));
}

fn statistics(interval: Option<Duration>) -> Scene<Statistics<TestMemory>> {
    scene(FakePages::default(), |queue, _, port| Statistics::new(queue, port, interval))
}

fn entries(entries: &[(u16, u64)]) -> Vec<u8> {
    entries.iter().flat_map(|(tag, value)| [&tag.to_le_bytes()[..], &value.to_le_bytes()].concat()).collect()
}

#[test]
fn the_guest_is_asked_for_statistics_when_somebody_wants_them() {
    let mut scene = statistics(None);
    scene.driver.fill(0x4000, &entries(&[(4, 1000), (5, 2000), (77, 1), (9, 3)]));
    scene.driver.offer(0, &[(0x4000, 45, false)]);
    assert!(!scene.queue.process() && !scene.queue.process());
    let told = GuestStatistics { free: Some(1000), total: Some(2000), huge_failed: Some(3), ..Default::default() };
    assert_eq!((scene.port.status().updates, scene.port.status().guest), (1, told));
    assert_eq!(scene.driver.used_index(), 0, "the buffer stays until it is asked again");

    scene.port.request_statistics();
    let requests = scene.queue.completion().unwrap();
    assert_eq!(poll(&mut [PollFd::new(&requests, PollFlags::IN)], Some(&Timespec::default())), Ok(1));
    assert!(!scene.queue.process() && !scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (1, (1, 0)));
    scene.driver.fill(0x4000, &entries(&[(4, 500)]));
    scene.driver.offer(0, &[(0x4000, 10, false)]);
    scene.queue.process();
    assert_eq!((scene.port.status().updates, scene.port.status().guest.free), (2, Some(500)));
    assert_eq!(scene.port.status().guest.total, None, "what is not told any more is not known");
}

#[test]
fn the_guest_is_asked_at_each_interval_and_not_before() {
    let mut scene = statistics(Some(Duration::from_secs(10)));
    let start = Instant::now();
    let mut worker = WorkerContext::new(start);
    scene.driver.offer(0, &[(0x4000, 10, false)]);
    for (seconds, used, wake) in [(0, 0, 10), (9, 0, 10), (10, 1, 20), (19, 1, 20), (35, 2, 45)] {
        worker.begin_round(start + Duration::from_secs(seconds));
        QueueHandler::process(&mut *scene.queue, &mut worker);
        assert_eq!(scene.driver.used_index(), used, "after {seconds} s");
        assert_eq!(worker.take_wake(), Some(start + Duration::from_secs(wake)));
        if used > 0 {
            scene.driver.offer(used, &[(0x4000, 10, false)]);
        }
        worker.begin_round(start + Duration::from_secs(seconds));
        QueueHandler::process(&mut *scene.queue, &mut worker);
        worker.take_wake();
    }
}

proptest! {
    #[test]
    fn any_lists_give_back_exactly_their_pages_or_break_the_queue(
        lists in prop::collection::vec(prop::collection::vec(prop_oneof![12 => 0u32..8, 6 => 10u32..16, 1 => any::<u32>()], 1..20), 1..6),
    ) {
        let mut scene = inflating(FakePages::default());
        for (head, numbers) in (0..).zip(&lists) {
            let address = 0x4000 + 0x100 * u64::from(head);
            scene.driver.fill(address, &list(numbers));
            scene.driver.offer(head, &[(address, 4 * numbers.len() as u32, false)]);
        }
        let before = Snapshot::take(&scene.driver.memory);
        while scene.queue.process() {}
        before.check(&scene.driver.memory, &[scene.driver.used_ring()]);
        let good = |numbers: &&Vec<u32>| numbers.iter().all(|number| is_memory(u64::from(*number) * 4096, 4096));
        let whole: Vec<_> = lists.iter().take_while(good).collect();
        prop_assert_eq!(usize::from(scene.driver.used_index()), whole.len());
        prop_assert_eq!(scene.interrupt.counts().1, u32::from(whole.len() < lists.len()));
        let expected: BTreeSet<u64> = whole.iter().copied().flatten().map(|number| u64::from(*number)).collect();
        let gone: BTreeSet<u64> = scene.pages.gone().into_iter().flat_map(|range| range.start / 4096..range.end / 4096).collect();
        prop_assert!(gone.is_superset(&expected));
        let asked: BTreeSet<u64> = lists.iter().flatten().map(|number| u64::from(*number)).collect();
        prop_assert!(gone.is_subset(&asked), "nothing goes that was not named");
    }

    #[test]
    fn any_statistics_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        let mut scene = statistics(None);
        scene.driver.fill(0x4000, &bytes);
        scene.driver.offer(0, &[(0x4000, bytes.len() as u32, false)]);
        prop_assert!(!scene.queue.process());
        prop_assert_eq!((scene.port.status().updates, scene.interrupt.counts()), (1, (0, 0)));
    }
}
