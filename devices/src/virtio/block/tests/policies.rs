//! Errors of the host by policy, rate limits, statistics.

use super::*;
use crate::backend::block::DiskAlarm;
use crate::backend::block::faults::{FaultyDisk, Host};
use crate::id::DeviceId;
use crate::rate_limit::Rate;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Counts alarms.
#[derive(Default)]
struct Alarms(Mutex<Vec<(DeviceId, Option<i32>)>>);

impl DiskAlarm for Alarms {
    fn stopped(&self, disk: &DeviceId, error: &io::Error) {
        self.0.lock().unwrap().push((disk.clone(), error.raw_os_error()));
    }
}

struct Scene {
    machine: Machine,
    driver: Driver,
    port: Arc<DiskPort>,
    host: Arc<Mutex<Host>>,
    alarms: Arc<Alarms>,
    file: File,
}

fn scene(on_error: OnError, limit: RateLimit) -> Scene {
    let file = file(SECTORS);
    let host = Arc::new(Mutex::new(Host::default()));
    let disk = RawDisk::new("disk0".into(), file.try_clone().unwrap(), false).unwrap();
    let disk = Arc::new(FaultyDisk { disk, host: Arc::clone(&host) });
    let port = Arc::new(DiskPort::new("disk0".into(), disk, on_error, &limit, 1));
    let alarms = Arc::new(Alarms::default());
    port.set_alarm(Arc::clone(&alarms) as _);
    let device = VirtioBlock::new(config(), Arc::clone(&port), None).unwrap();
    let machine = Machine::new(Box::new(device), ram());
    let driver = machine.start(64);
    Scene { machine, driver, port, host, alarms, file }
}

fn fail(scene: &Scene, errors: &[i32]) {
    scene.host.lock().unwrap().fails.extend(errors);
}

/// Offers a write of sector 0 at `head`, with `byte` as its data.
fn offer_write(scene: &mut Scene, head: u16, byte: u8) {
    header(&scene.driver, 1, 0);
    scene.driver.fill(DATA, &[byte; 512]);
    scene.driver.offer(head, &[(HEADER, 16, false), (DATA, 512, false), (STATUS, 1, true)]);
}

#[test]
fn report_tells_the_guest_and_the_statistics_count_it() {
    let mut scene = scene(OnError::Report, RateLimit::default());
    fail(&scene, &[libc::EIO, libc::ENOSPC]);
    for _ in 0..2 {
        assert_eq!(request(&scene.machine, &mut scene.driver, 1, 0, &[(DATA, 512, false)]), (1, 1));
    }
    assert_eq!(request(&scene.machine, &mut scene.driver, 1, 0, &[(DATA, 512, false)]), (0, 1));
    let statistics = scene.port.statistics();
    assert_eq!((statistics[0].errors, statistics[0].writes, statistics[0].written_bytes), (2, 1, 512));
    assert!(scene.alarms.0.lock().unwrap().is_empty());
}

#[test]
fn ignore_tells_the_guest_of_a_success() {
    let mut scene = scene(OnError::Ignore, RateLimit::default());
    fail(&scene, &[libc::EIO]);
    assert_eq!(request(&scene.machine, &mut scene.driver, 1, 0, &[(DATA, 512, false)]), (0, 1));
    assert_eq!((scene.port.statistics()[0].errors, on_disk(&scene.file) == contents(SECTORS)), (1, true));
}

#[test]
fn stop_parks_the_request_until_the_machine_was_paused_and_then_tries_it_again() {
    let mut scene = scene(OnError::Stop, RateLimit::default());
    fail(&scene, &[libc::EIO]);
    offer_write(&mut scene, 0, 7);
    scene.machine.workers.process();
    assert_eq!((scene.driver.used_index(), scene.driver.bytes(STATUS, 1)[0]), (0, UNTOUCHED));
    assert_eq!(*scene.alarms.0.lock().unwrap(), [("disk0".into(), Some(libc::EIO))]);
    // Until then nothing else is begun.
    offer_write(&mut scene, 4, 7);
    scene.machine.workers.process();
    assert_eq!((scene.driver.used_index(), scene.host.lock().unwrap().asked.len()), (0, 1));
    scene.machine.park();
    assert_eq!(scene.driver.used_index(), 0);
    scene.machine.transport.unpark();
    scene.machine.workers.process();
    assert_eq!((scene.driver.used_index(), scene.driver.used(0), scene.driver.used(1)), (2, (0, 1), (4, 1)));
    assert_eq!((scene.driver.bytes(STATUS, 1)[0], on_disk(&scene.file)[..512] == [7; 512]), (0, true));
    assert_eq!(scene.alarms.0.lock().unwrap().len(), 1);
}

#[test]
fn a_request_that_fails_again_stops_the_machine_again() {
    let mut scene = scene(OnError::Stop, RateLimit::default());
    fail(&scene, &[libc::EIO, libc::EIO]);
    offer_write(&mut scene, 0, 7);
    for alarms in 1..3 {
        scene.machine.workers.process();
        assert_eq!((scene.alarms.0.lock().unwrap().len(), scene.driver.used_index()), (alarms, 0));
        scene.machine.park();
        scene.machine.transport.unpark();
    }
    scene.machine.workers.process();
    assert_eq!(scene.driver.used_index(), 1);
}

#[test]
fn enospace_stops_only_for_a_lack_of_space() {
    let mut scene = scene(OnError::Enospace, RateLimit::default());
    fail(&scene, &[libc::EIO, libc::ENOSPC]);
    assert_eq!(request(&scene.machine, &mut scene.driver, 1, 0, &[(DATA, 512, false)]), (1, 1));
    offer_write(&mut scene, 0, 7);
    scene.machine.workers.process();
    assert_eq!((scene.driver.used_index(), scene.alarms.0.lock().unwrap().len()), (1, 1));
}

#[test]
fn parked_requests_survive_saving_and_are_tried_by_the_copy() {
    let mut scene = scene(OnError::Stop, RateLimit::default());
    // The second of three fails: the others are answered.
    fail(&scene, &[0, libc::ENOSPC]);
    offer_write(&mut scene, 0, 7);
    offer_write(&mut scene, 4, 7);
    scene.machine.workers.process();
    assert_eq!((scene.driver.used_index(), scene.driver.used(0)), (1, (0, 1)));
    scene.machine.park();
    let saved = scene.machine.transport.save().unwrap();
    let state: BlockState = saved[1].decode().unwrap();
    assert_eq!(state.parked, [(0, vec![4])]);
    let copy = VirtioBlock::new(config(), Arc::clone(&scene.port), Some(state)).unwrap();
    let copy = Machine::restored(Box::new(copy), Arc::clone(&scene.machine.memory), Some(saved[0].decode().unwrap()));
    assert_eq!(copy.transport.save().unwrap(), saved, "what was not tried again is still parked");
    copy.transport.unpark();
    copy.workers.process();
    assert_eq!((scene.driver.used_index(), scene.driver.used(1)), (2, (4, 1)));
    copy.park();
    let after: BlockState = copy.transport.save().unwrap()[1].decode().unwrap();
    assert!(after.parked.is_empty());
}

#[test]
fn a_reset_forgets_parked_requests() {
    let mut scene = scene(OnError::Stop, RateLimit::default());
    fail(&scene, &[libc::EIO]);
    offer_write(&mut scene, 0, 7);
    scene.machine.workers.process();
    scene.machine.write(0x70, 0);
    scene.driver.fill(0x1000, &[0; 0x3000]);
    let mut driver = scene.machine.start(64);
    assert_eq!(request(&scene.machine, &mut driver, 4, 0, &[]), (0, 1));
    assert_eq!(scene.host.lock().unwrap().asked, ["write", "flush"]);
}

#[test]
fn beyond_the_limit_requests_wait_for_their_time_and_are_all_answered() {
    let limit = RateLimit { operations: Some(Rate { per_second: 10, burst: 3 }), bytes: None };
    let mut scene = scene(OnError::Report, limit);
    header(&scene.driver, 4, 0);
    for index in 0..5 {
        scene.driver.offer(index * 2, &[(HEADER, 16, false), (STATUS, 1, true)]);
    }
    let start = Instant::now();
    let wake = scene.machine.workers.process_at(start).unwrap();
    assert_eq!(scene.driver.used_index(), 3);
    assert!(wake > start && wake <= start + Duration::from_millis(100));
    assert_eq!(scene.machine.workers.process_at(wake), Some(wake + Duration::from_millis(100)));
    assert_eq!(scene.driver.used_index(), 4);
    // A pause does not wait for the limit.
    scene.machine.park();
    assert_eq!((scene.driver.used_index(), scene.port.statistics()[0].throttled), (5, 2));
}

#[test]
fn bytes_are_limited_too() {
    let limit = RateLimit { operations: None, bytes: Some(Rate { per_second: 5120, burst: 1024 }) };
    let mut scene = scene(OnError::Report, limit);
    for head in [0, 4, 8] {
        offer_write(&mut scene, head, 1);
    }
    let start = Instant::now();
    let wake = scene.machine.workers.process_at(start).unwrap();
    assert_eq!(scene.driver.used_index(), 2);
    assert_eq!(scene.machine.workers.process_at(wake), None);
    assert_eq!(scene.driver.used_index(), 3);
}

#[test]
fn everything_that_was_answered_is_counted_by_its_kind() {
    let mut scene = scene(OnError::Report, RateLimit::default());
    let Scene { machine, driver, .. } = &mut scene;
    for (kind, data) in [(0, vec![(DATA, 1024, true)]), (1, vec![(DATA, 512, false)]), (4, vec![])] {
        assert_eq!(request(machine, driver, kind, 0, &data).0, 0);
    }
    driver.fill(DATA, &[0; 16]);
    assert_eq!(request(machine, driver, 11, 0, &[(DATA, 16, false)]).0, 0);
    let counted = scene.port.statistics().remove(0);
    assert_eq!((counted.reads, counted.read_bytes, counted.writes, counted.written_bytes), (1, 1024, 1, 512));
    assert_eq!((counted.flushes, counted.discards, counted.errors, counted.throttled), (1, 1, 0, 0));
    assert_eq!(counted.latencies.0.iter().sum::<u64>(), 4);
}
