//! Bytes through the queues of ports.

use super::super::control_rx::ControlReceiver;
use super::super::control_tx::ControlTransmitter;
use super::super::rx::Receiver;
use super::super::tx::Transmitter;
use super::*;
use crate::virtio::testing::{
    Driver, NEXT, NotedInterrupt, Served, Snapshot, TestMemory, WRITE, descriptor, is_memory, ram,
};
use crate::virtio::{Activation, QueueHandler, VirtQueue, VirtioDevice};
use crate::worker::WorkerContext;
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use std::io::Write;
use std::time::Instant;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

struct Queue<Q> {
    driver: Driver,
    queue: Served<Q>,
    interrupt: Arc<NotedInterrupt>,
}

fn queue<Q: QueueHandler>(make: impl FnOnce(VirtQueue<TestMemory>) -> Q) -> Queue<Q> {
    let driver = Driver::new(ram(), 64);
    let (queue, interrupt) = driver.queue();
    Queue { driver, queue: Served::new(make(queue)), interrupt }
}

fn transmitter(scene: &Scene, port: usize) -> Queue<Transmitter<TestMemory>> {
    queue(|queue| Transmitter::new(queue, Arc::clone(&scene.ports), port, false).unwrap())
}

fn receiver(scene: &Scene, port: usize) -> Queue<Receiver<TestMemory>> {
    queue(|queue| Receiver::new(queue, Arc::clone(&scene.ports), port).unwrap())
}

fn is_ready(queue: &impl QueueHandler) -> bool {
    let descriptor = queue.completion().unwrap();
    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&Timespec::default())).unwrap() == 1
}

/// A transmit queue's event was raised since it was asked last.
fn is_woken(queue: &Transmitter<TestMemory>) -> bool {
    rustix::io::read(queue.completion().unwrap(), &mut [0; 8]).is_ok()
}

#[test]
fn what_the_guest_writes_comes_out_at_its_port() {
    let mut scene = Scene::greeted();
    let mut client = scene.client();
    for (port, text) in [(0, b"to the console"), (1, b"to a named one")] {
        let mut sent = transmitter(&scene, port);
        sent.driver.fill(0x4000, text);
        sent.driver.offer(0, &[(0x4000, 5, false), (0x4005, 9, false)]);
        assert!(!sent.queue.process());
        assert_eq!((sent.driver.used(0), sent.interrupt.counts()), ((0, 0), (1, 0)));
    }
    assert_eq!((read(&mut scene.console), read(&mut client)), (b"to the console".to_vec(), b"to a named one".to_vec()));
}

#[test]
fn what_the_host_does_not_take_stays_in_the_queue_and_nothing_is_lost_or_doubled() {
    let mut scene = Scene::greeted();
    let mut sent = transmitter(&scene, 0);
    let mut receiver = receiver(&scene, 0);
    let mut expected = Vec::new();
    let mut come = Vec::new();
    for number in 0..200u16 {
        let bytes = [number as u8; 0x3000];
        sent.driver.fill(0x4000, &bytes);
        sent.driver.offer(0, &[(0x4000, 0x3000, false)]);
        expected.extend(bytes);
        assert!(!sent.queue.process());
        while sent.driver.used_index() <= number {
            assert!(!is_woken(&sent.queue), "there is no room");
            let before = sent.queue.state();
            assert!(!sent.queue.process() && sent.queue.drain(Instant::now()));
            assert_eq!(sent.queue.state(), before, "the buffer is still the guest's");
            come.extend(read(&mut scene.console));
            receiver.queue.process();
            assert!(is_woken(&sent.queue), "the worker is woken");
            sent = Queue { queue: Served::new(remade(&scene, &sent)), ..sent };
            sent.queue.process();
        }
    }
    come.extend(read(&mut scene.console));
    assert!(come == expected, "{} of {} bytes", come.len(), expected.len());
}

#[test]
fn a_transmit_queue_without_a_receive_queue_is_woken_too_when_there_is_room() {
    let mut scene = Scene::greeted();
    let mut device =
        VirtioConsole::new(ConsoleConfig { id: "console0".into() }, Arc::clone(&scene.ports), None).unwrap();
    let mut driver = Driver::new(ram(), 64);
    let ring = driver.config().to_queue(driver.size, false).unwrap();
    let event = EventFd::new(EFD_NONBLOCK).unwrap();
    let interrupt: Arc<NotedInterrupt> = Arc::default();
    let queue = VirtQueue::new(1, ring, 0, Arc::clone(&driver.memory), event, Arc::clone(&interrupt) as _);
    let mut handlers = device.activate(Activation { features: 0, queues: vec![queue] }).unwrap();
    let mut worker = WorkerContext::new(Instant::now());
    let handler = &mut handlers[0];
    let woken = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&woken, handler.completion().unwrap(), epoll::EventData::new_u64(0), edges).unwrap();
    let is_woken = || {
        let mut events = Vec::with_capacity(1);
        epoll::wait(&woken, rustix::buffer::spare_capacity(&mut events), Some(&Timespec::default())).unwrap() == 1
    };

    let mut sent = 0;
    while driver.used_index() == sent {
        driver.offer(0, &[(0x4000, 0x3000, false)]);
        is_woken();
        handler.process(&mut worker);
        sent += 1;
    }
    read(&mut scene.console);
    assert!(is_woken());
    handler.process(&mut worker);
    assert_eq!(driver.used_index(), sent);
}

/// As after a restore: what was taken of the buffer is with the port.
fn remade(scene: &Scene, old: &Queue<Transmitter<TestMemory>>) -> Transmitter<TestMemory> {
    let state = old.queue.state();
    let mut config = old.driver.config();
    (config.next_avail, config.next_used) = (state.next_avail, state.next_used);
    let ring = config.to_queue(old.driver.size, false).unwrap();
    let event = old.queue.notification().try_clone().unwrap();
    let interrupt = Arc::clone(&old.interrupt) as _;
    let queue = VirtQueue::new(0, ring, 0, Arc::clone(&old.driver.memory), event, interrupt);
    Transmitter::new(queue, Arc::clone(&scene.ports), 0, false).unwrap()
}

#[test]
fn what_is_written_to_nobody_is_lost_and_keeps_no_guest_waiting() {
    let scene = Scene::greeted();
    let mut sent = transmitter(&scene, 1);
    (0..64).for_each(|head| sent.driver.offer(head, &[(0x4000, 0x3000, false)]));
    assert!(sent.queue.process());
    assert_eq!(sent.driver.used_index(), 64);
    let nobody = Arc::new(ConsolePorts::new(PortEnd::stream(None, None).unwrap(), vec![]).unwrap());
    let mut sent = queue(|queue| Transmitter::new(queue, nobody, 0, true).unwrap());
    sent.driver.offer(0, &[(0x4000, 0x3000, false)]);
    sent.queue.process();
    assert_eq!(sent.driver.used_index(), 1);
}

#[test]
fn what_the_host_writes_waits_for_a_buffer() {
    let mut scene = Scene::greeted();
    scene.say(0, event::PORT_OPEN, 1);
    let mut received = receiver(&scene, 0);
    scene.console.write_all(b"hello").unwrap();
    assert!(!received.queue.process());
    assert!(!received.driver.is_quiet(), "the guest is asked for buffers");
    received.driver.offer(0, &[(0x4000, 2, true), (0x5000, 2, true)]);
    received.driver.offer(2, &[(0x6000, 100, true)]);
    received.driver.offer(3, &[(0x7000, 100, true)]);
    assert!(!received.queue.process());
    assert_eq!((received.driver.used_index(), received.driver.used(0), received.driver.used(1)), (2, (0, 4), (2, 1)));
    assert_eq!((received.driver.bytes(0x5000, 2), received.driver.bytes(0x6000, 2)), (b"ll".to_vec(), b"o\0".to_vec()));
}

#[test]
fn what_comes_while_no_program_of_the_guest_listens_waits_with_the_host() {
    let mut scene = Scene::greeted();
    let mut client = scene.client();
    client.write_all(b"early").unwrap();
    let mut received = receiver(&scene, 1);
    received.driver.offer(0, &[(0x4000, 100, true)]);
    received.queue.process();
    assert_eq!(received.driver.used_index(), 0);
    scene.say(1, event::PORT_OPEN, 1);
    assert!(is_ready(&*received.queue));
    received.queue.process();
    assert_eq!((received.driver.used(0), received.driver.bytes(0x4000, 5)), ((0, 5), b"early".to_vec()));
    // A driver without port messages cannot say that it listens.
    scene.ports.table().multiport = false;
    scene.say(1, event::PORT_OPEN, 0);
    client.write_all(b"late").unwrap();
    received.driver.offer(1, &[(0x4000, 100, true)]);
    received.queue.process();
    assert_eq!(received.driver.used_index(), 2);
}

#[test]
fn messages_go_through_the_control_queues() {
    let scene = Scene::new();
    scene.ports.table().multiport = true;
    let mut to_driver = queue(|queue| ControlReceiver::new(queue, Arc::clone(&scene.ports)));
    let mut of_driver = queue(|queue| ControlTransmitter::new(queue, Arc::clone(&scene.ports)));
    to_driver.driver.offer(0, &[(0x4000, 100, true)]);
    assert!(!to_driver.queue.process() && !is_ready(&*to_driver.queue));
    of_driver.driver.fill(0x4000, &Message { port: 0, event: event::DEVICE_READY, value: 1 }.with(&[]));
    of_driver.driver.offer(0, &[(0x4000, 8, false)]);
    assert!(!of_driver.queue.process());
    assert_eq!((of_driver.driver.used_index(), is_ready(&*to_driver.queue)), (1, true));
    assert!(!to_driver.queue.process());
    assert_eq!((to_driver.driver.used(0), to_driver.driver.bytes(0x4000, 8)), ((0, 8), vec![0, 0, 0, 0, 1, 0, 1, 0]));
    assert!(!to_driver.driver.is_quiet(), "there is another message");
    to_driver.driver.offer(1, &[(0x5000, 7, true)]);
    to_driver.queue.process();
    assert_eq!(to_driver.interrupt.counts().1, 1, "a buffer without room");
    of_driver.driver.offer(1, &[(0x4000, 7, false)]);
    of_driver.queue.process();
    assert_eq!(of_driver.interrupt.counts().1, 1, "a message that is too short");
}

/// Address, length, flags, next: a descriptor.
fn part() -> impl Strategy<Value = (u64, u32, u16, u16)> {
    let address = prop_oneof![8 => 0x4000u64..0x8000, 2 => 0xa000u64..0x10000, 1 => any::<u64>()];
    let length = prop_oneof![8 => 1u32..0x200, 1 => 0u32..2, 1 => any::<u32>()];
    (address, length, prop_oneof![8 => Just(0), 4 => Just(NEXT), 1 => 0u16..8], 0u16..9)
}

/// The readable ranges of the chain at `head`; `None` when it breaks a rule.
fn readable(parts: &[(u64, u32, u16, u16)], head: u16) -> Option<Vec<(u64, u32)>> {
    let (mut ranges, mut index, mut written) = (Vec::new(), head, false);
    for _ in 0..64 {
        let (address, length, flags, next) = *parts.get(usize::from(index))?;
        let readable = flags & WRITE == 0;
        if flags & 4 != 0 || length == 0 || !is_memory(address, length.into()) || readable && written {
            return None;
        }
        written |= !readable;
        if readable {
            ranges.push((address, length));
        }
        if flags & NEXT == 0 {
            return Some(ranges);
        }
        index = next;
    }
    None
}

proptest! {
    #[test]
    fn any_chain_comes_out_as_it_stands_in_memory_or_breaks_the_queue(
        parts in prop::collection::vec(part(), 8),
        heads in prop::collection::vec(0u16..9, 1..6),
    ) {
        let mut scene = Scene::greeted();
        let mut sent = transmitter(&scene, 0);
        let mut receiver = receiver(&scene, 0);
        let contents: Vec<u8> = (0..0x6000u32).map(|index| (index % 251) as u8).collect();
        sent.driver.fill(0x4000, &contents[..0x4000]);
        sent.driver.fill(0xa000, &contents);
        for (index, (address, length, flags, next)) in (0..).zip(&parts) {
            sent.driver.set(index, descriptor(*address, *length, *flags, *next));
        }
        heads.iter().for_each(|head| sent.driver.make_available(*head));
        let before = Snapshot::take(&sent.driver.memory);
        let mut come = Vec::new();
        loop {
            sent.queue.process();
            let bytes = read(&mut scene.console);
            if bytes.is_empty() {
                break;
            }
            come.extend(bytes);
            receiver.queue.process();
        }
        let chains: Vec<_> = heads.iter().map_while(|head| readable(&parts, *head)).collect();
        before.check(&sent.driver.memory, &[sent.driver.used_ring()]);
        prop_assert_eq!(usize::from(sent.driver.used_index()), chains.len());
        prop_assert_eq!(sent.interrupt.counts().1, u32::from(chains.len() < heads.len()));
        let ranges = chains.iter().flatten();
        let expected: Vec<u8> = ranges.flat_map(|(start, length)| sent.driver.bytes(*start, *length as usize)).collect();
        prop_assert!(come == expected, "{} of {} bytes", come.len(), expected.len());
    }

    #[test]
    fn any_messages_are_answered_by_a_bounded_number_that_make_sense(
        messages in prop::collection::vec((0u32..4, 0u16..9, 0u16..3), 0..30),
    ) {
        let mut scene = Scene::new();
        scene.ports.table().multiport = true;
        let mut ready = [false; 2];
        for (port, event, value) in messages {
            scene.say(port, event, value);
            if let (event::PORT_READY, 1, Some(ready)) = (event, value, ready.get_mut(port as usize)) {
                *ready = true;
            }
            let answers = scene.messages();
            prop_assert!(answers.len() <= 3, "{answers:?}");
            for (port, event, value, more) in answers {
                prop_assert!(event == event::DEVICE_ADD || ready[port as usize]);
                prop_assert_eq!(value, 1);
                prop_assert_eq!(more.is_empty(), ![event::PORT_NAME, event::RESIZE].contains(&event));
            }
        }
    }
}
