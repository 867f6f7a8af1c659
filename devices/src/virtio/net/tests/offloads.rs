//! Frames that lack something, as their headers say.

use super::*;
use crate::virtio::testing::{TestRam, ram};
use vm_memory::GuestAddress;

/// TCP over IPv4 that is to be cut to 1448 bytes: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
const TCP4: [u8; 10] = [1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0];

fn sender(offloads: Offloads) -> Scene<Transmitter<TestMemory>> {
    let memory = Arc::new(TestRam::from_ranges(&[(GuestAddress(0), 0x40000)]).unwrap());
    Scene::new(memory, FakeNetwork::with(1, offloads), |queue, network, port| {
        Transmitter::new(queue, 0, network, port, offloads)
    })
}

fn taker(memory: TestMemory, offloads: Offloads, mtu: Option<u16>) -> (Scene<Receiver<TestMemory>>, Arc<Session>) {
    let session = Arc::new(Session::new(offloads, DriverChoices::default()));
    let same = Arc::clone(&session);
    let scene = Scene::new(memory, FakeNetwork::with(1, offloads), |queue, network, port| {
        Receiver::new(queue, 0, network, port, same, true, mtu)
    });
    (scene, session)
}

#[test]
fn a_frame_that_is_to_be_cut_goes_to_the_host_as_it_is() {
    let mut scene = sender(Offloads::all());
    scene.driver.fill(0x8000, &[&TCP4[..], &[9, 9], &frame(1, 65_000)].concat());
    scene.driver.offer(0, &[(0x8000, 65_012, false)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.network.sent_behind_headers(), [(0, [&TCP4[..], &[0, 0]].concat(), frame(1, 65_000))]);
    let statistics = scene.port.statistics();
    assert_eq!(statistics.pairs[0].sent, Traffic { frames: 1, bytes: 65_000, dropped: 0 });
}

#[test]
fn a_malformed_header_costs_the_frame_and_nothing_else() {
    let mut scene = sender(Offloads::all());
    let mut no_size = TCP4;
    no_size[4..6].fill(0);
    for (head, header) in [(0, no_size), (1, [1, 0, 0, 0, 0, 0, 99, 0, 0, 0]), (2, TCP4)] {
        let address = 0x8000 + 0x1000 * u64::from(head);
        scene.driver.fill(address, &[&header[..], &[0, 0], &frame(1, 100)].concat());
        scene.driver.offer(head, &[(address, 112, false)]);
    }
    assert!(!scene.queue.process());
    assert_eq!(scene.network.sent_behind_headers().len(), 1);
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts(), scene.statistics()), (3, (1, 0), sent(1, 2)));
}

#[test]
fn a_frame_of_64_kib_comes_whole_in_mergeable_buffers_whatever_the_mtu() {
    let memory = Arc::new(TestRam::from_ranges(&[(GuestAddress(0), 0x40000)]).unwrap());
    let (mut scene, _) = taker(memory, Offloads::GUEST, Some(1500));
    let contents = frame(3, 14 + 65_535);
    scene.network.arrive_behind(TCP4, 0, contents.clone());
    for head in 0..44 {
        scene.driver.offer(head, &[(0x8000 + 1536 * u64::from(head), 1536, true)]);
    }
    assert!(!scene.queue.process());
    // 43 buffers of 1536 bytes: 12 + 65549 bytes.
    assert_eq!(scene.driver.used_index(), 43);
    assert_eq!(scene.driver.bytes(0x8000, 12), [&TCP4[..], &[43, 0]].concat());
    let lengths: Vec<_> = (0..43).map(|index| scene.driver.used(index)).collect();
    assert!(lengths[..42].iter().zip(0..).all(|(used, head)| *used == (head, 1536)));
    assert_eq!(lengths[42], (42, 65_561 - 42 * 1536));
    assert_eq!(scene.driver.bytes(0x800c, contents.len()), contents);
    assert_eq!(scene.interrupt.counts(), (1, 0));
    assert_eq!(scene.port.statistics().received(), Traffic { frames: 1, bytes: 65_549, dropped: 0 });
    scene.network.arrive(frame(4, 1515));
    scene.driver.offer(44, &[(0x8000, 1536, true)]);
    assert!(!scene.queue.process());
    assert_eq!(scene.statistics(), received(1, 1), "a whole frame keeps to the MTU");
}

#[test]
fn frames_that_were_under_way_when_the_driver_took_less_are_lost() {
    let (mut scene, session) = taker(ram(), Offloads::GUEST, None);
    for header in [TCP4, [1, 0, 0, 0, 0, 0, 34, 0, 6, 0], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        scene.network.arrive_behind(header, 0, frame(1, 60));
    }
    session.set_accepted(Offloads::empty());
    (0..3).for_each(|head| scene.driver.offer(head, &[(0x4000 + 0x100 * u64::from(head), 200, true)]));
    scene.queue.process();
    assert_eq!((scene.driver.used_index(), scene.statistics()), (1, received(1, 2)));
    assert_eq!(scene.driver.bytes(0x4000, 12), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], "and nothing is promised of it");
}

#[test]
fn a_network_that_goes_takes_the_link_with_it_and_tells_once() {
    let (mut scene, _) = taker(ram(), Offloads::empty(), None);
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    scene.port.when_gone(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let interrupt: Arc<NotedInterrupt> = Arc::default();
    let device: Arc<dyn crate::virtio::VirtioInterrupt> = Arc::clone(&interrupt) as _;
    scene.port.connect(&device);
    scene.driver.offer(0, &[(0x4000, 200, true)]);
    scene.queue.process();
    assert!(scene.port.is_link_up());
    scene.network.fail(io::ErrorKind::NotConnected);
    assert!(!scene.queue.process() && !scene.queue.process());
    assert!(!scene.port.is_link_up());
    scene.port.set_link_up(false);
    scene.port.set_link_up(true);
    assert!(!scene.port.is_link_up(), "there is nothing at the other end");
    assert_eq!(told.load(Ordering::Relaxed), 1);
    assert!(interrupt.config.load(Ordering::Relaxed) >= 1);
    assert_eq!((scene.port.statistics().failures, scene.interrupt.counts()), (2, (0, 0)));
}
