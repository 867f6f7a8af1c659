//! From the guest to the network.

use super::*;
use crate::virtio::QueueHandler;
use crate::virtio::testing::{TestRam, ram};
use std::time::Instant;
use vm_memory::GuestAddress;

fn scene() -> Scene<Transmitter<TestMemory>> {
    transmitter(ram(), FakeNetwork::new([]))
}

#[test]
fn a_frame_is_sent_without_the_guests_header() {
    let mut scene = scene();
    // It asks for a checksum and segmentation, which were not negotiated.
    scene.driver.fill(0x4000, &[1, 1, 40, 0, 0xb4, 5, 14, 0, 16, 0, 9, 9]);
    scene.driver.fill(0x400c, &frame(1, 60));
    scene.driver.offer(2, &[(0x4000, 72, false)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.network.sent(), [frame(1, 60)]);
    assert_eq!((scene.driver.used_index(), scene.driver.used(0)), (1, (2, 0)));
    assert_eq!((scene.interrupt.counts(), scene.statistics()), ((1, 0), sent(1, 0)));
}

#[test]
fn header_and_frame_may_be_split_anywhere() {
    let mut scene = scene();
    scene.driver.fill(0x5000, &frame(3, 10));
    scene.driver.fill(0xa000, &frame(4, 90));
    scene.driver.offer(0, &[(0x4000, 3, false), (0x4100, 8, false), (0x4fff, 11, false), (0xa000, 90, false)]);
    // What is to be written is nothing to this queue.
    scene.driver.offer(8, &[(0x4000, 1, false), (0x4fff - 10, 21, false), (0xa000, 90, false), (0x6000, 9, true)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.network.sent(), [[frame(3, 10), frame(4, 90)].concat(), [frame(3, 10), frame(4, 90)].concat()]);
    assert_eq!([scene.driver.used(0), scene.driver.used(1)], [(0, 0), (8, 0)]);
}

#[test]
fn a_frame_is_14_to_65557_bytes_long_and_others_are_dropped() {
    let memory = Arc::new(TestRam::from_ranges(&[(GuestAddress(0), 0x40000)]).unwrap());
    let mut scene = transmitter(memory, FakeNetwork::new([]));
    for (head, length) in [(0, 12), (1, 12 + 13), (2, 12 + 14), (3, 12 + 65_557), (4, 12 + 65_558), (5, 0x38000)] {
        scene.driver.offer(head, &[(0x8000, length, false)]);
    }
    assert!(!scene.queue.process());
    assert_eq!(scene.network.sent().iter().map(Vec::len).collect::<Vec<_>>(), [14, 65_557]);
    assert_eq!((scene.driver.used_index(), scene.statistics()), (6, sent(2, 4)), "each is used, sent or not");
}

#[test]
fn a_frame_shorter_than_its_header_breaks_the_queue() {
    let mut scene = scene();
    scene.driver.offer(0, &[(0x4000, 11, false), (0x5000, 100, true)]);
    scene.driver.offer(2, &[(0x4000, 72, false)]);
    assert!(!scene.queue.process() && !scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (0, (0, 1)));
    assert!(scene.network.sent().is_empty());
}

#[test]
fn what_the_network_does_not_take_at_once_is_lost() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::Other] {
        let mut scene = scene();
        scene.driver.offer(0, &[(0x4000, 72, false)]);
        scene.network.fail(kind);
        assert!(!scene.queue.process());
        assert_eq!((scene.driver.used_index(), scene.interrupt.counts(), scene.statistics()), (1, (1, 0), sent(0, 1)));
    }
}

#[test]
fn without_a_cable_nothing_is_sent() {
    let mut scene = scene();
    scene.port.set_link_up(false);
    scene.driver.offer(0, &[(0x4000, 72, false)]);
    scene.queue.process();
    scene.port.set_link_up(true);
    scene.driver.offer(1, &[(0x4000, 72, false)]);
    scene.queue.process();
    assert_eq!((scene.driver.used_index(), scene.network.sent().len(), scene.statistics()), (2, 1, sent(1, 1)));
}

#[test]
fn one_call_sends_64_frames_and_asks_for_another() {
    let mut scene = scene();
    (0..64).for_each(|head| scene.driver.offer(head, &[(0x4000, 72, false)]));
    assert!(scene.queue.process());
    scene.driver.offer(0, &[(0x4000, 72, false)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.network.sent().len()), (65, 65));
    assert!(scene.queue.completion().is_none() && scene.queue.drain(Instant::now()));
    assert_eq!((scene.queue.index(), scene.queue.state().next_used), (0, 65));
}
