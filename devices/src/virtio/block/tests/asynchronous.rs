//! A backend that completes later: the seam that io_uring uses.

use super::*;
use crate::backend::block::testing::LateDisk;
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

fn late(queue_size: u16) -> (Machine, Driver, LateDisk) {
    let host = LateDisk::default();
    let device = VirtioBlock::new(config(), port(Arc::new(host.clone())), None).unwrap();
    let machine = Machine::new(Box::new(device), ram());
    let driver = machine.start(queue_size);
    (machine, driver, host)
}

fn offer(driver: &mut Driver, head: u16, kind: u32) {
    header(driver, kind, 0);
    let data = if kind == 4 { vec![] } else { vec![(DATA, 512, kind == 0)] };
    driver.offer(head, &[vec![(HEADER, 16, false)], data, vec![(STATUS, 1, true)]].concat());
}

#[test]
fn requests_complete_in_the_order_of_the_host() {
    let (machine, mut driver, host) = late(16);
    offer(&mut driver, 0, 0);
    offer(&mut driver, 3, 0);
    machine.workers.process();
    assert_eq!(driver.used_index(), 0);
    let submitted = host.submitted();
    assert_eq!(submitted.iter().map(|waiting| (waiting.name, waiting.bytes)).collect::<Vec<_>>(), [("read", 512); 2]);
    assert_eq!(machine.line.take(), 0);

    host.complete_token(77, Ok(()));
    host.complete_token(submitted[1].token, Ok(()));
    host.complete_token(submitted[0].token, Err(io::ErrorKind::Other.into()));
    machine.workers.process();
    assert_eq!((driver.used_index(), driver.used(0), driver.used(1)), (2, (3, 513), (0, 0)));
    assert_eq!((driver.bytes(STATUS, 1)[0], machine.line.take()), (1, 1));
}

#[test]
fn a_parked_device_has_nothing_in_flight() {
    let (machine, mut driver, host) = late(16);
    offer(&mut driver, 0, 0);
    machine.workers.process();
    host.complete_on_wait();
    machine.workers.drain_by(Instant::now() + Duration::from_secs(60));
    machine.park();
    assert_eq!((driver.used_index(), host.waits()), (1, 1));
    assert_eq!((machine.line.take(), machine.read(0x60)), (1, 1));
}

#[test]
fn draining_gives_up_at_its_deadline() {
    let (machine, mut driver, host) = late(16);
    assert!(machine.workers.drain_by(Instant::now()), "nothing is under way");
    offer(&mut driver, 0, 0);
    machine.workers.process();
    assert!(!machine.workers.drain_by(Instant::now()));
    assert_eq!(host.waits(), 0);
}

#[test]
fn at_most_128_requests_are_in_flight_and_a_completion_makes_room() {
    let (machine, mut driver, host) = late(256);
    header(&driver, 4, 0);
    for index in 0..128 {
        driver.offer(index * 2, &[(HEADER, 16, false), (STATUS, 1, true)]);
    }
    machine.workers.process();
    assert_eq!(host.waiting(), 128);
    driver.offer(0, &[(HEADER, 16, false), (STATUS, 1, true)]);
    machine.workers.process();
    assert_eq!(host.waiting(), 128);
    let tokens = || host.submitted().into_iter().map(|waiting| waiting.token);
    let before: Vec<u64> = tokens().collect();
    host.complete_token(before[5], Ok(()));
    machine.workers.process();
    assert_eq!((host.waiting(), driver.used_index(), driver.used(0)), (128, 1, (10, 1)));
    let all: BTreeSet<u64> = before.iter().copied().chain(tokens()).collect();
    assert_eq!(all.len(), 129, "no token is used twice");
}

#[test]
fn a_driver_that_cannot_flush_gets_each_write_stored_stably() {
    let host = LateDisk::default();
    let device = VirtioBlock::new(config(), port(Arc::new(host.clone())), None).unwrap();
    let machine = Machine::new(Box::new(device), ram());
    for (register, value) in [(0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11)] {
        machine.write(register, value);
    }
    machine.set_up_queue(16);
    machine.write(0x70, 15);
    let mut driver = Driver::new(Arc::clone(&machine.memory), 16);
    for (kind, steps) in [(1, vec!["stable write"]), (0, vec!["read"]), (4, vec!["flush"])] {
        let before = driver.used_index();
        offer(&mut driver, 0, kind);
        machine.workers.process();
        for step in steps {
            assert_eq!(driver.used_index(), before);
            assert_eq!(host.submitted()[0].name, step);
            host.complete(Ok(()));
            machine.workers.process();
        }
        assert_eq!((driver.used_index(), driver.bytes(STATUS, 1)[0]), (before + 1, 0));
    }
}

#[test]
fn a_driver_that_can_flush_does_it_itself() {
    let (machine, mut driver, host) = late(16);
    offer(&mut driver, 0, 1);
    machine.workers.process();
    let waiting = host.submitted()[0];
    assert_eq!((waiting.name, waiting.bytes), ("write", 512));
    host.complete(Ok(()));
    machine.workers.process();
    assert_eq!((driver.used_index(), host.waiting()), (1, 0));
}
