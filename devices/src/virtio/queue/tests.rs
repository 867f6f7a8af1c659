//! A queue against a driver that keeps the rules, and one that does not.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::virtio::testing::{Driver, NotedInterrupt, Snapshot, TestMemory, ram};

fn driver(size: u16) -> (Driver, VirtQueue<TestMemory>, Arc<NotedInterrupt>) {
    let driver = Driver::new(ram(), size);
    let (queue, interrupt) = driver.queue();
    (driver, queue, interrupt)
}

#[test]
fn a_chain_is_served_once_and_used_with_its_length() {
    let (mut driver, mut queue, interrupt) = driver(4);
    assert!(queue.pop().is_none());
    driver.offer(2, &[(0x4000, 8, false), (0x4100, 100, true)]);
    let chain = queue.pop().unwrap();
    assert_eq!((chain.head(), chain.readable.len(), chain.writable.len()), (2, 8, 100));
    assert!(queue.pop().is_none());
    assert_eq!(driver.used_index(), 0);
    queue.complete(chain, 33);
    assert_eq!((driver.used_index(), driver.used(0)), (1, (2, 33)));
    assert_eq!(interrupt.counts(), (0, 0), "only `signal` interrupts");
    queue.signal();
    queue.signal();
    assert_eq!(interrupt.counts(), (1, 0), "one interrupt for what was used");
    assert_eq!((queue.state().next_avail, queue.state().next_used), (1, 1));
}

#[test]
fn the_used_length_is_at_most_what_was_writable() {
    let (mut driver, mut queue, _) = driver(4);
    driver.offer(0, &[(0x4100, 100, true)]);
    let chain = queue.pop().unwrap();
    queue.complete(chain, 101);
    assert_eq!(driver.used(0), (0, 100));
}

#[test]
fn the_rings_wrap_around_at_65536() {
    let driver = Driver::new(ram(), 4);
    let config = QueueConfig { next_avail: 0xfffe, next_used: 0xfffe, ..driver.config() };
    let mut driver = Driver { available: 0xfffe, ..driver };
    let interrupt = Arc::new(NotedInterrupt::default());
    let ring = config.to_queue(4, false).unwrap();
    let event = EventFd::new(0).unwrap();
    let mut queue = VirtQueue::new(0, ring, 0, Arc::clone(&driver.memory), event, interrupt);
    for head in 0..4 {
        driver.offer(head, &[(0x4000, 1, true)]);
    }
    for head in 0..4 {
        let chain = queue.pop().unwrap();
        assert_eq!(chain.head(), head);
        queue.complete(chain, 1);
    }
    assert_eq!(driver.used_index(), 2);
    assert_eq!(driver.used(0xffff), (1, 1));
    assert_eq!(driver.used(0), (2, 1));
}

#[test]
fn serving_takes_all_chains_then_listens_and_interrupts_once() {
    let (mut driver, mut queue, interrupt) = driver(8);
    for head in 0..5 {
        driver.offer(head, &[(0x4000, 1, true)]);
    }
    let mut heads = Vec::new();
    let more = queue.serve(100, |queue, chain| {
        assert!(driver.is_quiet(), "no notifications while we look anyway");
        heads.push(chain.head());
        queue.complete(chain, 0);
        ControlFlow::Continue(())
    });
    assert!(!more && !driver.is_quiet());
    assert_eq!(heads, [0, 1, 2, 3, 4]);
    assert_eq!((driver.used_index(), interrupt.counts()), (5, (1, 0)));
}

#[test]
fn serving_stops_at_its_budget_and_asks_to_be_called_again() {
    let (mut driver, mut queue, interrupt) = driver(8);
    for head in 0..5 {
        driver.offer(head, &[(0x4000, 1, true)]);
    }
    let mut serve = |budget| {
        queue.serve(budget, |queue, chain| {
            queue.complete(chain, 0);
            ControlFlow::Continue(())
        })
    };
    assert!(serve(2));
    assert!(driver.is_quiet());
    assert_eq!((driver.used_index(), interrupt.counts().0), (2, 1));
    assert!(serve(3), "whether more is there is not known when the budget is just enough");
    assert!(!serve(1));
    assert_eq!((driver.used_index(), driver.is_quiet()), (5, false));
}

#[test]
fn serving_ends_where_the_device_breaks_off_and_still_interrupts() {
    let (mut driver, mut queue, interrupt) = driver(8);
    driver.offer(0, &[(0x4000, 1, true)]);
    driver.offer(1, &[(0x4000, 1, true)]);
    let more = queue.serve(100, |queue, chain| {
        queue.complete(chain, 0);
        ControlFlow::Break(())
    });
    assert!(!more && driver.is_quiet());
    assert_eq!((driver.used_index(), interrupt.counts()), (1, (1, 0)));
}

#[test]
fn a_chain_that_comes_while_notifications_are_off_is_served_too() {
    let (driver, mut queue, _) = driver(8);
    let driver = std::cell::RefCell::new(driver);
    driver.borrow_mut().offer(0, &[(0x4000, 1, true)]);
    let mut served = 0;
    let more = queue.serve(100, |queue, chain| {
        served += 1;
        queue.complete(chain, 0);
        if served < 3 {
            driver.borrow_mut().offer(served, &[(0x4000, 1, true)]);
        }
        ControlFlow::Continue(())
    });
    assert!(!more);
    assert_eq!((served, driver.borrow().used_index()), (3, 3));
}

#[test]
fn a_driver_that_wants_no_interrupts_gets_none() {
    let (mut driver, mut queue, interrupt) = driver(4);
    let mut serve_one = |driver: &mut Driver| {
        driver.offer(0, &[(0x4000, 1, true)]);
        let chain = queue.pop().unwrap();
        queue.complete(chain, 1);
        queue.signal();
    };
    driver.set_available_flags(1);
    serve_one(&mut driver);
    assert_eq!(interrupt.counts(), (0, 0));
    driver.set_available_flags(0xfffe);
    serve_one(&mut driver);
    assert_eq!(interrupt.counts(), (1, 0));
}

#[test]
fn with_event_indexes_the_driver_says_where_it_wants_the_interrupt() {
    let mut driver = Driver::new(ram(), 4);
    let interrupt = Arc::new(NotedInterrupt::default());
    let ring = driver.config().to_queue(4, true).unwrap();
    let event = EventFd::new(0).unwrap();
    let mut queue = VirtQueue::new(0, ring, 0, Arc::clone(&driver.memory), event, Arc::clone(&interrupt) as _);
    driver.set_available_flags(1); // means nothing now
    driver.memory.write_obj(1u16, GuestAddress(Driver::AVAILABLE + 4 + 2 * 4)).unwrap();
    for expected in [0, 1, 1] {
        driver.offer(0, &[(0x4000, 1, true)]);
        let chain = queue.pop().unwrap();
        queue.complete(chain, 1);
        queue.signal();
        assert_eq!(interrupt.counts(), (expected, 0));
    }
}

/// A queue of 4 with event indexes; the driver wants an interrupt for used element `event`.
fn with_event_index(event: u16) -> (Driver, VirtQueue<TestMemory>, Arc<NotedInterrupt>) {
    let driver = Driver::new(ram(), 4);
    let interrupt = Arc::new(NotedInterrupt::default());
    let ring = driver.config().to_queue(4, true).unwrap();
    let notification = EventFd::new(0).unwrap();
    let queue = VirtQueue::new(0, ring, 0, Arc::clone(&driver.memory), notification, Arc::clone(&interrupt) as _);
    driver.memory.write_obj(event, GuestAddress(Driver::AVAILABLE + 4 + 2 * 4)).unwrap();
    (driver, queue, interrupt)
}

#[test]
fn with_event_indexes_an_interrupt_is_for_an_element_of_the_batch() {
    for (event, expected) in [(0, 1), (1, 1), (2, 1), (3, 0), (0xffff, 0)] {
        let (mut driver, mut queue, interrupt) = with_event_index(event);
        (0..3).for_each(|head| driver.offer(head, &[(0x4000, 1, true)]));
        for _ in 0..3 {
            let chain = queue.pop().unwrap();
            queue.complete(chain, 1);
        }
        queue.signal();
        assert_eq!(interrupt.counts(), (expected, 0), "element {event} of 0 to 2");
    }
}

#[test]
fn with_event_indexes_the_device_says_which_chain_it_wants_to_be_notified_of() {
    let (mut driver, mut queue, _) = with_event_index(0);
    let wanted = |driver: &Driver| -> u16 { driver.memory.read_obj(GuestAddress(Driver::USED + 4 + 8 * 4)).unwrap() };
    for served in 1..4 {
        driver.offer(0, &[(0x4000, 1, true)]);
        assert!(queue.has_chain());
        assert_eq!(wanted(&driver), served - 1, "nothing is wanted while there are chains");
        let chain = queue.pop().unwrap();
        queue.complete(chain, 1);
        assert!(!queue.has_chain());
        assert_eq!((wanted(&driver), driver.is_quiet()), (served, false));
    }
}

#[test]
fn looking_for_a_chain_asks_to_be_notified_only_when_there_is_none() {
    let (mut driver, mut queue, interrupt) = driver(4);
    queue.quiet();
    driver.offer(1, &[(0x4000, 1, true)]);
    assert!(queue.has_chain() && driver.is_quiet());
    assert_eq!(queue.pop().unwrap().head(), 1);
    assert!(!queue.has_chain() && !driver.is_quiet());
    driver.set_available_index(6);
    assert!(!queue.has_chain());
    assert_eq!(interrupt.counts(), (0, 1), "five chains in a queue of four");
    driver.set_available_index(2);
    assert!(!queue.has_chain(), "it stays broken");
}

#[test]
fn chains_that_are_put_back_come_again_in_their_order() {
    let (mut driver, mut queue, _) = driver(4);
    (0..3).for_each(|head| driver.offer(head, &[(0x4000, 1, true)]));
    let first = queue.pop().unwrap();
    let others = vec![queue.pop().unwrap(), queue.pop().unwrap()];
    queue.put_back(others);
    queue.complete(first, 1);
    assert_eq!((queue.state().next_avail, queue.state().next_used), (1, 1));
    assert_eq!([queue.pop().unwrap().head(), queue.pop().unwrap().head()], [1, 2]);
    assert!(queue.pop().is_none());
}

#[test]
fn chains_that_are_completed_together_are_used_in_their_order() {
    let (mut driver, mut queue, interrupt) = driver(4);
    (0..3).for_each(|head| driver.offer(head, &[(0x4000, 10, true)]));
    let chains: Vec<_> = (0..3).map(|_| queue.pop().unwrap()).collect();
    queue.complete_together(chains.into_iter().zip([10, 11, 3]));
    assert_eq!((driver.used_index(), driver.used(0), driver.used(1), driver.used(2)), (3, (0, 10), (1, 10), (2, 3)));
    queue.signal();
    queue.complete_together([]);
    queue.signal();
    assert_eq!((driver.used_index(), interrupt.counts()), (3, (1, 0)));
}

#[test]
fn a_malformed_chain_breaks_the_queue_once_and_for_all() {
    let (mut driver, mut queue, interrupt) = driver(4);
    driver.offer(0, &[(0x4000, 1, true)]);
    let in_flight = queue.pop().unwrap();
    driver.offer(1, &[(0x8000, 1, true)]);
    driver.offer(2, &[(0x4000, 1, true)]);
    assert!(queue.pop().is_none() && queue.pop().is_none());
    assert_eq!(interrupt.counts(), (0, 1));
    let before = Snapshot::take(&driver.memory);
    queue.complete(in_flight, 1);
    queue.signal();
    assert!(!queue.serve(8, |_, _| unreachable!("a broken queue gives no chain")));
    before.check(&driver.memory, &[]);
    assert_eq!(interrupt.counts(), (0, 1));
    assert_eq!(queue.state().next_avail, 1, "the malformed chain was not taken");
}

#[test]
fn an_available_index_may_lead_by_the_queue_size_and_not_by_one_more() {
    let (mut driver, mut queue, interrupt) = driver(4);
    driver.offer(0, &[(0x4000, 1, true)]);
    driver.set_available_index(4);
    assert!(queue.pop().is_some());
    driver.set_available_index(6);
    assert!(queue.pop().is_none());
    assert_eq!(interrupt.counts(), (0, 1));
}

#[test]
fn a_queue_is_checked_against_guest_memory_to_the_byte() {
    let memory = ram();
    let driver = Driver::new(Arc::clone(&memory), 16);
    let good = driver.config();
    // Sizes for 16 descriptors: 256, 38 and 134 bytes; memory ends at 0x8000 and 0x10000.
    for (config, fits) in [
        (QueueConfig { descriptors: 0x7f00, ..good }, true),
        (QueueConfig { descriptors: 0x7f10, ..good }, false),
        (QueueConfig { available: 0x8000 - 38, ..good }, true),
        (QueueConfig { available: 0x8000 - 36, ..good }, false),
        (QueueConfig { used: 0x10000 - 136, ..good }, true),
        (QueueConfig { used: 0x10000 - 132, ..good }, false),
        (QueueConfig { descriptors: u64::MAX - 0xff, ..good }, false),
        (QueueConfig { available: u64::MAX - 1, ..good }, false),
        (QueueConfig { used: u64::MAX - 3, ..good }, false),
        (QueueConfig { used: 0x9000, ..good }, false),
    ] {
        assert_eq!(check_memory(&config, &*memory).is_ok(), fits, "{config:x?}");
        let interrupt = Arc::new(NotedInterrupt::default());
        let ring = config.to_queue(16, false).unwrap();
        let event = EventFd::new(0).unwrap();
        let mut queue = VirtQueue::new(0, ring, 0, Arc::clone(&memory), event, Arc::clone(&interrupt) as _);
        assert!(queue.pop().is_none());
        assert_eq!(interrupt.counts(), (0, u32::from(!fits)), "at use: {config:x?}");
    }
}

#[test]
fn size_and_alignment_follow_the_specification() {
    let good = Driver::new(ram(), 16).config();
    for (config, valid) in [
        (good, true),
        (QueueConfig { size: 32, ..good }, true),
        (QueueConfig { size: 64, ..good }, false),
        (QueueConfig { size: 0, ..good }, false),
        (QueueConfig { size: 12, ..good }, false),
        (QueueConfig { descriptors: 0x1008, ..good }, false),
        (QueueConfig { available: 0x2001, ..good }, false),
        (QueueConfig { used: 0x3002, ..good }, false),
    ] {
        assert_eq!(config.to_queue(32, false).is_ok(), valid, "{config:x?}");
    }
    let positioned = QueueConfig { next_avail: 7, next_used: 5, ..good };
    let state = positioned.to_queue(32, true).unwrap().state();
    assert!(state.event_idx_enabled && state.max_size == 32);
    assert_eq!(QueueConfig::from_state(&state), positioned);
}
