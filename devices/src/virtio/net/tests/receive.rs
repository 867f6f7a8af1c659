//! From the network to the guest.

use super::*;
use crate::virtio::QueueHandler;
use crate::virtio::testing::{Snapshot, ram};
use std::time::Instant;

/// The header that the guest sees before a frame in `buffers` buffers.
fn header(buffers: u8) -> [u8; 12] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, buffers, 0]
}

fn scene(frames: &[usize]) -> Scene<Receiver<TestMemory>> {
    let frames = (0..).zip(frames).map(|(seed, length)| frame(seed, *length));
    receiver(ram(), FakeNetwork::new(frames), true, None)
}

#[test]
fn a_frame_comes_behind_a_header_without_offloads() {
    for mergeable in [true, false] {
        let mut scene = receiver(ram(), FakeNetwork::new([frame(1, 60)]), mergeable, None);
        scene.driver.offer(3, &[(0x4000, 1526, true)]);
        assert!(!scene.queue.process());
        assert_eq!((scene.driver.used_index(), scene.driver.used(0)), (1, (3, 72)));
        assert_eq!(scene.driver.bytes(0x4000, 12), header(1));
        assert_eq!(scene.driver.bytes(0x400c, 60), frame(1, 60));
        assert_eq!(scene.driver.bytes(0x4048, 8), [0; 8]);
        assert_eq!((scene.interrupt.counts(), scene.statistics()), ((1, 0), received(1, 0)));
    }
}

#[test]
fn a_frame_is_spread_over_the_descriptors_of_its_buffer() {
    let mut scene = scene(&[100]);
    scene.driver.offer(0, &[(0x4000, 5, true), (0x5000, 20, true), (0xa000, 200, true)]);
    scene.queue.process();
    let bytes =
        [scene.driver.bytes(0x4000, 5), scene.driver.bytes(0x5000, 20), scene.driver.bytes(0xa000, 87)].concat();
    assert_eq!(bytes, [&header(1)[..], &frame(0, 100)].concat());
    assert_eq!(scene.driver.used(0), (0, 112));
}

#[test]
fn frames_stay_with_the_host_until_the_guest_has_a_buffer() {
    let mut scene = scene(&[60, 61]);
    assert!(!scene.queue.process());
    assert_eq!((scene.network.reads(), scene.driver.is_quiet()), (0, false), "the guest is asked to notify");
    scene.driver.offer(0, &[(0x4000, 100, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.network.reads(), scene.driver.is_quiet()), (1, 1, false));
    scene.driver.offer(1, &[(0x5000, 100, true)]);
    scene.driver.offer(2, &[(0x6000, 100, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.driver.used(1)), (2, (1, 73)));
    assert!(scene.driver.is_quiet(), "with a buffer left, the network wakes us and the guest need not");
    assert_eq!(scene.statistics(), received(2, 0));
}

#[test]
fn a_long_frame_takes_several_mergeable_buffers() {
    let mut scene = scene(&[100, 20]);
    for (head, address) in [(0, 0x4000), (1, 0x5000), (2, 0x6000), (3, 0x7000)] {
        scene.driver.offer(head, &[(address, 40, true)]);
    }
    scene.queue.process();
    assert_eq!(scene.driver.used_index(), 4);
    assert_eq!([0, 1, 2, 3].map(|index| scene.driver.used(index)), [(0, 40), (1, 40), (2, 32), (3, 32)]);
    assert_eq!((scene.driver.bytes(0x4000, 12), scene.driver.bytes(0x7000, 12)), (header(3).into(), header(1).into()));
    let parts = [scene.driver.bytes(0x400c, 28), scene.driver.bytes(0x5000, 40), scene.driver.bytes(0x6000, 32)];
    assert_eq!(parts.concat(), frame(0, 100));
    assert_eq!((scene.interrupt.counts(), scene.statistics()), ((1, 0), received(2, 0)));
}

#[test]
fn a_frame_that_the_buffers_have_no_room_for_is_lost_and_the_buffers_are_kept() {
    for mergeable in [true, false] {
        let mut scene = receiver(ram(), FakeNetwork::new([frame(0, 100), frame(1, 20)]), mergeable, None);
        scene.driver.offer(0, &[(0x4000, 50, true)]);
        scene.driver.offer(1, &[(0x5000, if mergeable { 50 } else { 500 }, true)]);
        assert!(!scene.queue.process());
        assert_eq!(
            (scene.driver.used_index(), scene.driver.used(0)),
            (1, (0, 32)),
            "the next frame gets the first one"
        );
        assert_eq!(scene.driver.bytes(0x400c, 20), frame(1, 20));
        assert_eq!((scene.interrupt.counts(), scene.statistics()), ((1, 0), received(1, 1)));
    }
}

#[test]
fn the_longest_frame_gets_through() {
    let memory =
        Arc::new(crate::virtio::testing::TestRam::from_ranges(&[(vm_memory::GuestAddress(0), 0x40000)]).unwrap());
    let mut scene = receiver(memory, FakeNetwork::new([frame(5, 65_535 + 18)]), false, Some(65_535));
    scene.driver.offer(0, &[(0x8000, 0x20000, true)]);
    scene.queue.process();
    assert_eq!(scene.driver.used_index(), 0, "an untagged frame has 4 bytes less");
    let tagged = |length| {
        let mut bytes = frame(5, length);
        bytes[12..14].copy_from_slice(&[0x81, 0x00]);
        bytes
    };
    scene.network.arrive(tagged(65_535 + 19));
    scene.network.arrive(tagged(65_535 + 18));
    scene.queue.process();
    assert_eq!((scene.driver.used(0), scene.statistics()), ((0, 65_535 + 18 + 12), received(1, 2)));
    assert_eq!(scene.driver.bytes(0x800c, 65_535 + 18), tagged(65_535 + 18));
}

#[test]
fn a_packet_is_no_longer_than_the_mtu_that_the_driver_was_told() {
    for (mtu, length, delivered) in [(Some(100), 114, true), (Some(100), 115, false), (None, 115, true)] {
        let mut scene = receiver(ram(), FakeNetwork::new([frame(0, length)]), true, mtu);
        scene.driver.offer(0, &[(0x4000, 1000, true)]);
        scene.queue.process();
        assert_eq!(
            (scene.driver.used_index(), scene.statistics().receive_dropped),
            if delivered { (1, 0) } else { (0, 1) }
        );
    }
}

#[test]
fn one_call_takes_64_frames_and_asks_for_another() {
    let mut scene = scene(&[20; 65]);
    for head in 0..64 {
        scene.driver.offer(head, &[(0x4000, 100, true)]);
    }
    assert!(scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (64, (1, 0)));
    scene.driver.offer(0, &[(0x4000, 100, true)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.driver.used_index(), 65);
}

#[test]
fn without_a_cable_frames_are_lost_whether_the_guest_has_buffers_or_not() {
    let mut scene = scene(&[20, 21]);
    scene.port.set_link_up(false);
    assert!(!scene.queue.process());
    scene.network.arrive(frame(7, 22));
    scene.driver.offer(0, &[(0x4000, 100, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.statistics()), (0, received(0, 3)));
    scene.port.set_link_up(true);
    scene.network.arrive(frame(8, 30));
    scene.queue.process();
    assert_eq!((scene.driver.used(0), scene.statistics()), ((0, 42), received(1, 3)));
}

#[test]
fn a_buffer_without_room_for_the_header_breaks_the_queue() {
    for (length, broken) in [(11, true), (12, false)] {
        let mut scene = scene(&[20]);
        scene.driver.offer(0, &[(0x4000, length, true)]);
        scene.driver.offer(1, &[(0x5000, 100, true)]);
        assert!(!scene.queue.process());
        assert_eq!(scene.interrupt.counts(), if broken { (0, 1) } else { (1, 0) });
        assert_eq!(scene.driver.used_index(), if broken { 0 } else { 2 });
    }
    let mut scene = scene(&[20]);
    scene.driver.offer(0, &[(0x4000, 100, false)]);
    scene.queue.process();
    assert_eq!(scene.interrupt.counts(), (0, 1), "a buffer that is to be read");
}

#[test]
fn a_broken_queue_reads_no_frames_and_touches_no_memory() {
    let mut scene = scene(&[20, 20, 20]);
    scene.driver.offer(0, &[(0x9000, 100, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.network.reads(), scene.interrupt.counts()), (1, (0, 1)));
    let before = Snapshot::take(&scene.driver.memory);
    scene.driver.offer(1, &[(0x4000, 100, true)]);
    let offered = Snapshot::take(&scene.driver.memory);
    assert!(!scene.queue.process() && !scene.queue.process());
    drop(before);
    offered.check(&scene.driver.memory, &[]);
    assert_eq!((scene.network.reads(), scene.statistics()), (1, received(0, 1)));
}

#[test]
fn a_failing_network_is_no_reason_to_be_called_again() {
    let mut scene = scene(&[20]);
    scene.driver.offer(0, &[(0x4000, 100, true)]);
    scene.network.fail(io::ErrorKind::Other);
    assert!(!scene.queue.process());
    assert_eq!((scene.network.reads(), scene.driver.used_index(), scene.interrupt.counts()), (1, 0, (0, 0)));
    assert!(scene.queue.completion().is_some() && scene.queue.drain(Instant::now()));
    assert_eq!((scene.queue.index(), scene.queue.state().next_avail), (0, 0));
}
