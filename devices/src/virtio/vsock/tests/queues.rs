//! Packets in the queues' buffers.

use super::super::event::Events;
use super::super::packet::HEADER_LENGTH;
use super::super::rx::Receiver;
use super::super::tx::Transmitter;
use super::*;
use crate::virtio::QueueHandler;
use crate::virtio::testing::{Driver, NEXT, NotedInterrupt, Served, Snapshot, TestMemory, descriptor, is_memory, ram};
use proptest::prelude::*;
use std::time::Instant;

struct Queue<Q> {
    driver: Driver,
    queue: Served<Q>,
    interrupt: Arc<NotedInterrupt>,
    host: Arc<FakeHost>,
    connections: Arc<Mutex<Connections>>,
}

fn queue<Q: QueueHandler>(
    make: impl FnOnce(crate::virtio::VirtQueue<TestMemory>, Arc<Mutex<Connections>>) -> Q,
) -> Queue<Q> {
    let Scene { host, connections } = Scene::new();
    let driver = Driver::new(ram(), 64);
    let (queue, interrupt) = driver.queue();
    let connections = Arc::new(Mutex::new(connections));
    Queue { driver, queue: Served::new(make(queue, Arc::clone(&connections))), interrupt, host, connections }
}

fn receiver() -> Queue<Receiver<TestMemory>> {
    queue(|queue, connections| Receiver::new(queue, connections).unwrap())
}

fn request(port: u32) -> Header {
    Header { op: op::REQUEST, ..header(port, 6) }
}

#[test]
fn a_packet_for_the_guest_is_spread_over_its_buffer() {
    let mut scene = receiver();
    scene.connections.lock().unwrap().receive(&request(5), &[]);
    let mut host = scene.host.serve();
    host.write_all(b"hello").unwrap();
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.driver.is_quiet()), (0, false), "the guest is asked for buffers");
    scene.driver.offer(0, &[(0x4000, 40, true), (0x5000, 100, true)]);
    scene.driver.offer(2, &[(0x6000, 40, true), (0x7000, 6, true)]);
    scene.driver.offer(4, &[(0x4800, 45, true)]);
    assert!(!scene.queue.process());
    assert_eq!([0, 1, 2].map(|index| scene.driver.used(index)), [(0, 44), (2, 46), (4, 45)]);
    assert_eq!((scene.driver.bytes(0x7004, 2), scene.driver.bytes(0x482c, 1)), (b"he".to_vec(), b"l".to_vec()));
    assert_eq!(scene.interrupt.counts(), (1, 0));
    assert!(scene.queue.completion().is_some() && scene.queue.drain(Instant::now()));
}

#[test]
fn a_buffer_without_room_breaks_the_queue_and_loses_nothing() {
    let mut scene = receiver();
    scene.connections.lock().unwrap().receive(&request(5), &[]);
    scene.driver.offer(0, &[(0x4000, HEADER_LENGTH, true)]);
    assert!(!scene.queue.process() && !scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (0, (0, 1)));
    assert!(scene.connections.lock().unwrap().has_packets());
}

#[test]
fn one_call_gives_64_packets_and_asks_for_another() {
    let mut scene = receiver();
    for port in 0..65 {
        scene.connections.lock().unwrap().receive(&Header { op: op::RW, ..header(port, 6) }, &[]);
    }
    (0..64).for_each(|head| scene.driver.offer(head, &[(0x4000, 50, true)]));
    assert!(scene.queue.process());
    scene.driver.offer(0, &[(0x4000, 50, true)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.driver.used_index(), 65);
}

fn transmitter() -> Queue<Transmitter<TestMemory>> {
    queue(Transmitter::new)
}

#[test]
fn a_packet_of_the_guest_may_be_split_anywhere() {
    let mut scene = transmitter();
    scene.driver.fill(0x4000, &request(5).to_bytes());
    scene.driver.offer(0, &[(0x4000, 44, false)]);
    scene.queue.process();
    let mut host = scene.host.serve();
    scene.driver.fill(0x5000, &Header { op: op::RW, length: 5, ..header(5, 6) }.to_bytes());
    scene.driver.fill(0x502c, b"hello, and more than the header says");
    scene.driver.offer(1, &[(0x5000, 20, false), (0x5014, 26, false), (0x502e, 30, false)]);
    assert!(!scene.queue.process());
    assert_eq!(read(&mut host), (b"hello".to_vec(), false));
    assert_eq!((scene.driver.used(0), scene.driver.used(1)), ((0, 0), (1, 0)));
}

#[test]
fn a_header_that_promises_more_than_comes_ends_its_connection() {
    for length in [6, 65537, u32::MAX] {
        let mut scene = transmitter();
        scene.connections.lock().unwrap().receive(&request(5), &[]);
        scene.driver.fill(0x4000, &Header { op: op::RW, length, ..header(5, 6) }.to_bytes());
        scene.driver.offer(0, &[(0x4000, 49, false)]);
        scene.queue.process();
        assert_eq!((scene.driver.used_index(), scene.connections.lock().unwrap().len()), (1, 0));
        assert!(read(&mut scene.host.serve()).1);
    }
}

#[test]
fn a_packet_shorter_than_its_header_breaks_the_queue() {
    let mut scene = transmitter();
    scene.driver.offer(0, &[(0x4000, 43, false)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (0, (0, 1)));
}

#[test]
fn the_driver_hears_once_that_its_connections_are_gone_and_only_after_a_restore() {
    for restored in [false, true] {
        let mut scene = queue(|queue, _| Events::new(queue, restored));
        assert!(!scene.queue.process());
        scene.driver.fill(0x4000, &[9; 8]);
        scene.driver.offer(0, &[(0x4000, 8, true)]);
        scene.driver.offer(1, &[(0x5000, 8, true)]);
        assert!(!scene.queue.process() && !scene.queue.process());
        assert_eq!((scene.driver.used_index(), scene.interrupt.counts().0), (restored.into(), restored.into()));
        if restored {
            assert_eq!((scene.driver.used(0), scene.driver.bytes(0x4000, 5)), ((0, 4), vec![0, 0, 0, 0, 9]));
        }
    }
}

#[test]
fn an_event_buffer_without_room_breaks_the_queue() {
    let mut scene = queue(|queue, _| Events::new(queue, true));
    scene.driver.offer(0, &[(0x4000, 3, true)]);
    assert!(!scene.queue.process());
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (0, (0, 1)));
}

/// A chain of one or two descriptors, and the packet in it.
type Sent = (u64, u32, Option<u32>, Header);

fn packet() -> impl Strategy<Value = Header> {
    let length = prop_oneof![8 => 0u32..200, 1 => any::<u32>()];
    let credit = prop_oneof![4 => Just((1000, 0)), 1 => any::<(u32, u32)>()];
    let cid = prop_oneof![16 => Just(CID), 1 => 0u64..5];
    let port = || prop_oneof![8 => 0u32..3, 1 => Just(1 << 30), 1 => any::<u32>()];
    (0u16..9, 0u32..5, length, credit, cid, port(), port()).prop_map(
        |(op, flags, length, (buf_alloc, fwd_cnt), src_cid, from, to)| Header {
            op,
            flags,
            length,
            buf_alloc,
            fwd_cnt,
            src_cid,
            ..header(from, to)
        },
    )
}

fn sent() -> impl Strategy<Value = Sent> {
    let address = prop_oneof![16 => 0x4000u64..0x7e00, 1 => 0x7e00u64..0xa100];
    let length = prop_oneof![16 => 44u32..300, 1 => 0u32..44];
    (address, length, prop::option::of(1u32..300), packet())
}

proptest! {
    #[test]
    fn any_packets_are_taken_or_break_the_queue_and_what_comes_of_them_is_bounded(
        packets in prop::collection::vec(sent(), 1..8),
        caller in any::<bool>(),
    ) {
        let mut scene = transmitter();
        let _caller = caller.then(|| scene.host.call("CONNECT 1\n"));
        scene.connections.lock().unwrap().poll();
        let mut taken = 0;
        for (address, length, second, header) in &packets {
            if is_memory(*address, 44) {
                scene.driver.fill(*address, &header.to_bytes());
            }
            let flags = if second.is_some() { NEXT } else { 0 };
            scene.driver.set(0, descriptor(*address, *length, flags, 1));
            scene.driver.set(1, descriptor(0xa000, second.unwrap_or(1), 0, 0));
            scene.driver.make_available(0);
            let before = Snapshot::take(&scene.driver.memory);
            scene.queue.process();
            before.check(&scene.driver.memory, &[scene.driver.used_ring()]);
            let whole = *length > 0 && is_memory(*address, (*length).into());
            if !whole || length + second.unwrap_or(0) < 44 {
                break;
            }
            taken += 1;
        }
        prop_assert_eq!(usize::from(scene.driver.used_index()), taken);
        prop_assert_eq!(scene.interrupt.counts().1, u32::from(taken < packets.len()));
        // Every connection has a stream, every packet at most one answer each and one for its connection's end.
        let mut connections = scene.connections.lock().unwrap();
        prop_assert!(connections.len() <= scene.host.served.lock().unwrap().len() + usize::from(caller));
        let mut payload = [0; 100];
        let answers = std::iter::from_fn(|| connections.packet(&mut payload)).take(100).count();
        prop_assert!(answers <= 2 * packets.len() + 2, "{answers}");
    }
}
