//! The entropy device, as its driver sees it.
#![allow(clippy::unwrap_used)]

use super::queue::RngQueue;
use super::request::{MAX_REQUEST, host_entropy};
use super::*;
use crate::rate_limit::{Rate, RateLimit, RateLimiter};
use crate::state::{DeviceState, Section};
use crate::virtio::testing::{
    Driver, Machine, NEXT, NotedInterrupt, Served, Snapshot, TestMemory, TestRam, WRITE, descriptor, is_memory, ram,
    registers,
};
use crate::virtio::{QueueHandler, VirtioDevice};
use crate::worker::WorkerContext;
use proptest::prelude::*;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm_memory::GuestAddress;

fn device() -> Box<dyn VirtioDevice<TestMemory>> {
    Box::new(VirtioRng::new(RngConfig { id: "rng0".into(), limit: RateLimit::default() }, Some(RngState {})))
}

/// Entropy that can be recognised.
fn fives(bytes: &mut [u8]) -> io::Result<()> {
    bytes.fill(5);
    Ok(())
}

fn queue(
    memory: TestMemory,
    entropy: fn(&mut [u8]) -> io::Result<()>,
) -> (Driver, Served<RngQueue<TestMemory>>, Arc<NotedInterrupt>) {
    let driver = Driver::new(memory, 64);
    let (queue, interrupt) = driver.queue();
    (driver, Served::new(RngQueue::new(queue, entropy, None)), interrupt)
}

#[test]
fn the_device_is_an_entropy_device_with_one_queue_and_no_configuration() {
    let mut device = device();
    assert_eq!((device.device_type(), device.queue_max_sizes(), device.features()), (4, &[64][..], 0));
    let mut data = [1; 4];
    device.write_config(0, &[9]);
    device.read_config(0, &mut data);
    assert_eq!(data, [0; 4]);
    let saved: Section = device.save().unwrap();
    assert_eq!(
        (&*saved.kind, saved.version, saved.decode::<RngState>().unwrap()),
        ("virtio-rng", RngState::VERSION, RngState {})
    );
}

#[test]
fn a_driver_gets_entropy_that_differs() {
    let machine = Machine::new(device(), ram());
    let mut driver = machine.start(8);
    driver.offer(0, &[(0x4000, 64, true)]);
    driver.offer(1, &[(0x5000, 64, true)]);
    machine.workers.process();
    assert_eq!((driver.used_index(), driver.used(0), driver.used(1)), (2, (0, 64), (1, 64)));
    let (first, second) = (driver.bytes(0x4000, 64), driver.bytes(0x5000, 64));
    assert!(first != second && first != [0; 64] && second != [0; 64]);
}

#[test]
fn all_of_the_buffer_is_filled_across_descriptors_and_chunks() {
    let (mut driver, mut queue, interrupt) = queue(ram(), fives);
    driver.offer(3, &[(0x4000, 4095, true), (0xa000, 0x1003, true)]);
    assert!(!queue.process() && queue.drain(Instant::now()));
    assert_eq!((driver.used(0), interrupt.counts()), ((3, 4095 + 0x1003), (1, 0)));
    assert!(driver.bytes(0x4000, 4095).iter().chain(&driver.bytes(0xa000, 0x1003)).all(|byte| *byte == 5));
    assert_eq!((driver.bytes(0x4fff, 1), driver.bytes(0xb003, 1)), (vec![0], vec![0]));
    assert_eq!((queue.index(), queue.state().next_used), (0, 1));
}

#[test]
fn one_request_gets_at_most_64_kib() {
    let memory = Arc::new(TestRam::from_ranges(&[(GuestAddress(0), 0x40000)]).unwrap());
    let (mut driver, mut queue, _) = queue(memory, fives);
    driver.offer(0, &[(0x4000, MAX_REQUEST + 1, true)]);
    driver.offer(1, &[(0x4000, MAX_REQUEST, true)]);
    queue.process();
    assert_eq!((driver.used(0), driver.used(1)), ((0, 0x10000), (1, 0x10000)));
    assert_eq!(driver.bytes(0x13fff, 2), [5, 0]);
}

#[test]
fn one_call_serves_16_requests_and_asks_for_another() {
    let (mut driver, mut queue, _) = queue(ram(), fives);
    for head in 0..17 {
        driver.offer(head, &[(0x4000, 1, true)]);
    }
    assert!(queue.process());
    assert_eq!(driver.used_index(), 16);
    assert!(!queue.process());
    assert_eq!(driver.used_index(), 17);
}

#[test]
fn a_request_without_room_or_a_host_without_entropy_needs_a_reset() {
    let (mut driver, mut dry, interrupt) = queue(ram(), |_| Err(io::ErrorKind::Unsupported.into()));
    driver.offer(0, &[(0x4000, 1, true)]);
    assert!(!dry.process());
    assert_eq!((driver.used_index(), interrupt.counts()), (0, (0, 1)));
    let (mut driver, mut queue, interrupt) = queue(ram(), fives);
    driver.offer(0, &[(0x4000, 1, false)]);
    assert!(!queue.process());
    assert_eq!((driver.used_index(), interrupt.counts()), (0, (0, 1)));
}

#[test]
fn with_a_limit_requests_wait_in_the_queue_and_a_long_run_has_its_rate() {
    let start = Instant::now();
    let limit = RateLimit { bytes: Some(Rate { per_second: 1000, burst: 200 }), ..RateLimit::default() };
    let limiter = RateLimiter::new(&limit, start).map(Arc::new);
    let mut driver = Driver::new(ram(), 64);
    let (queue, _) = driver.queue();
    let mut queue = RngQueue::new(queue, fives, limiter);
    let mut worker = WorkerContext::new(start);
    let (mut now, mut offered) = (start, 0);
    while now < start + Duration::from_secs(100) {
        while offered - driver.used_index() < 4 {
            driver.offer(offered % 64, &[(0x4000, 100, true)]);
            offered += 1;
        }
        worker.begin_round(now);
        while queue.process(&mut worker) {}
        let wake = worker.take_wake();
        if driver.used_index() == offered {
            assert_eq!(wake, None, "nobody waits");
            continue;
        }
        let wake = wake.unwrap();
        assert!(wake > now);
        now = wake;
    }
    assert_eq!(driver.used_index(), 2 + 10 * 100 - 1, "the burst, and the rate up to the last moment");
}

#[test]
fn the_host_fills_every_byte() {
    let mut bytes = vec![0; 100_000];
    host_entropy(&mut bytes).unwrap();
    assert!(bytes.chunks(16).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    host_entropy(&mut []).unwrap();
}

fn part() -> impl Strategy<Value = (u64, u32, u16, u16)> {
    let address = prop_oneof![8 => 0x4000u64..0x8000, 2 => 0xa000u64..0x10000, 1 => any::<u64>()];
    let length = prop_oneof![8 => 1u32..0x200, 1 => 0u32..2, 1 => any::<u32>()];
    (address, length, prop_oneof![8 => Just(WRITE), 4 => Just(NEXT | WRITE), 1 => 0u16..8], 0u16..9)
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        registers::run(|_| device(), &events);
    }

    #[test]
    fn any_chain_is_filled_or_breaks_the_queue(parts in prop::collection::vec(part(), 8), heads in prop::collection::vec(0u16..9, 1..4)) {
        let (mut driver, mut queue, interrupt) = queue(ram(), fives);
        for (index, (address, length, flags, next)) in (0..).zip(&parts) {
            driver.set(index, descriptor(*address, *length, *flags, *next));
        }
        for head in &heads {
            driver.make_available(*head);
        }
        let before = Snapshot::take(&driver.memory);
        queue.process();

        let mut allowed = vec![driver.used_ring()];
        let chains: Vec<_> = heads.iter().map_while(|head| writable(&parts, *head)).collect();
        allowed.extend(chains.iter().flatten().map(|(start, length)| (*start, u64::from(*length))));
        before.check(&driver.memory, &allowed);
        prop_assert_eq!(usize::from(driver.used_index()), chains.len());
        for (index, (head, chain)) in (0..).zip(heads.iter().zip(&chains)) {
            let length: u32 = chain.iter().map(|(_, length)| *length).sum();
            prop_assert_eq!(driver.used(index), (u32::from(*head), length));
        }
        // A broken queue says only that it needs a reset.
        prop_assert_eq!(interrupt.counts(), if chains.len() == heads.len() { (1, 0) } else { (0, 1) });
    }
}

/// The writable ranges of the chain at `head`; `None` when it breaks a rule. (Chains here are far below 64 KiB.)
fn writable(parts: &[(u64, u32, u16, u16)], head: u16) -> Option<Vec<(u64, u32)>> {
    let mut ranges = Vec::new();
    let mut index = head;
    for _ in 0..64 {
        // The table has 64 entries, of which the last 56 are empty, which is against the rules.
        let (address, length, flags, next) = *parts.get(usize::from(index))?;
        if flags & 4 != 0 || length == 0 || !is_memory(address, length.into()) {
            return None;
        }
        match (flags & WRITE != 0, ranges.is_empty()) {
            (true, _) => ranges.push((address, length)),
            (false, true) => {}
            (false, false) => return None,
        }
        if flags & NEXT == 0 {
            return (!ranges.is_empty()).then_some(ranges);
        }
        index = next;
    }
    None
}
