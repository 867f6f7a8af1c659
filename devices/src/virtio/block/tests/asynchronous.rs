//! A backend that completes later: the seam that io_uring uses.

use super::*;
use crate::backend::block::{BlockChannel, DiskError, Operation, Submission};
use crate::worker::WorkerContext;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the backend was given, and what it answers when it is told to.
#[derive(Default)]
struct Host {
    /// Token, what it is, bytes.
    submitted: Vec<(u64, &'static str, usize)>,
    waits: usize,
    completions: Vec<(u64, io::Result<()>)>,
    /// Completes what is submitted while somebody waits.
    completes_on_wait: bool,
}

struct LateDisk {
    host: Arc<Mutex<Host>>,
}

struct LateChannel {
    host: Arc<Mutex<Host>>,
}

impl BlockBackend for LateDisk {
    fn capacity(&self) -> u64 {
        1 << 20
    }

    fn refresh(&self) -> Result<u64, DiskError> {
        Ok(self.capacity())
    }

    fn readonly(&self) -> bool {
        false
    }

    fn channel(&self) -> io::Result<Box<dyn BlockChannel>> {
        Ok(Box::new(LateChannel { host: Arc::clone(&self.host) }))
    }

    fn lock(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn unlock(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl BlockChannel for LateChannel {
    fn submit(&mut self, _worker: &mut WorkerContext, token: u64, operation: Operation) -> Submission {
        let (name, length) = match operation {
            Operation::Read { into, .. } => ("read", into.len()),
            Operation::Write { from, stable, .. } => (if stable { "stable write" } else { "write" }, from.len()),
            Operation::Flush => ("flush", 0),
            Operation::Discard { .. } => ("discard", 0),
            Operation::WriteZeroes { .. } => ("zero", 0),
        };
        self.host.lock().unwrap().submitted.push((token, name, length));
        Submission::Pending
    }

    fn next_completion(&mut self, _worker: &mut WorkerContext) -> Option<(u64, io::Result<()>)> {
        self.host.lock().unwrap().completions.pop()
    }

    fn wait(&mut self, _worker: &mut WorkerContext, _deadline: Instant) {
        let mut host = self.host.lock().unwrap();
        host.waits += 1;
        if host.completes_on_wait {
            let tokens: Vec<_> = host.submitted.drain(..).map(|(token, ..)| (token, Ok(()))).collect();
            host.completions.extend(tokens);
        }
    }
}

fn late(queue_size: u16) -> (Machine, Driver, Arc<Mutex<Host>>) {
    let host = Arc::new(Mutex::new(Host::default()));
    let backend = Arc::new(LateDisk { host: Arc::clone(&host) });
    let device = VirtioBlock::new(config(), port(backend), None).unwrap();
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
    let submitted = host.lock().unwrap().submitted.clone();
    assert_eq!(submitted.iter().map(|(_, name, length)| (*name, *length)).collect::<Vec<_>>(), [("read", 512); 2]);
    assert_eq!(machine.line.take(), 0);

    // Completions are taken from the end.
    host.lock().unwrap().completions.extend([
        (submitted[0].0, Err(io::ErrorKind::Other.into())),
        (submitted[1].0, Ok(())),
        (77, Ok(())),
    ]);
    machine.workers.process();
    assert_eq!((driver.used_index(), driver.used(0), driver.used(1)), (2, (3, 513), (0, 0)));
    assert_eq!((driver.bytes(STATUS, 1)[0], machine.line.take()), (1, 1));
}

#[test]
fn a_parked_device_has_nothing_in_flight() {
    let (machine, mut driver, host) = late(16);
    offer(&mut driver, 0, 0);
    machine.workers.process();
    host.lock().unwrap().completes_on_wait = true;
    machine.workers.drain_by(Instant::now() + Duration::from_secs(60));
    machine.park();
    assert_eq!((driver.used_index(), host.lock().unwrap().waits), (1, 1));
    assert_eq!((machine.line.take(), machine.read(0x60)), (1, 1));
}

#[test]
fn draining_gives_up_at_its_deadline() {
    let (machine, mut driver, host) = late(16);
    assert!(machine.workers.drain_by(Instant::now()), "nothing is under way");
    offer(&mut driver, 0, 0);
    machine.workers.process();
    assert!(!machine.workers.drain_by(Instant::now()));
    assert_eq!(host.lock().unwrap().waits, 0);
}

#[test]
fn at_most_128_requests_are_in_flight_and_a_completion_makes_room() {
    let (machine, mut driver, host) = late(256);
    header(&driver, 4, 0);
    for index in 0..128 {
        driver.offer(index * 2, &[(HEADER, 16, false), (STATUS, 1, true)]);
    }
    machine.workers.process();
    assert_eq!(host.lock().unwrap().submitted.len(), 128);
    driver.offer(0, &[(HEADER, 16, false), (STATUS, 1, true)]);
    machine.workers.process();
    assert_eq!(host.lock().unwrap().submitted.len(), 128);
    let token = host.lock().unwrap().submitted[5].0;
    host.lock().unwrap().completions.push((token, Ok(())));
    machine.workers.process();
    assert_eq!((host.lock().unwrap().submitted.len(), driver.used_index(), driver.used(0)), (129, 1, (10, 1)));
    let tokens: std::collections::BTreeSet<_> =
        host.lock().unwrap().submitted.iter().map(|(token, ..)| *token).collect();
    assert_eq!(tokens.len(), 129, "no token is used twice");
}

#[test]
fn a_driver_that_cannot_flush_gets_each_write_stored_stably() {
    let host = Arc::new(Mutex::new(Host::default()));
    let device = VirtioBlock::new(config(), port(Arc::new(LateDisk { host: Arc::clone(&host) })), None).unwrap();
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
            let (token, name, _) = host.lock().unwrap().submitted.remove(0);
            assert_eq!(name, step);
            host.lock().unwrap().completions.push((token, Ok(())));
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
    let (token, name, length) = host.lock().unwrap().submitted[0];
    assert_eq!((name, length), ("write", 512));
    host.lock().unwrap().completions.push((token, Ok(())));
    machine.workers.process();
    assert_eq!((driver.used_index(), host.lock().unwrap().submitted.len()), (1, 1));
}
