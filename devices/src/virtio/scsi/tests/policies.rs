//! Errors of the host by policy, rate limits, statistics: those of the disk, on this bus too.

use super::*;
use crate::backend::block::faults::{FaultyDisk, Host};
use crate::backend::block::{DiskPort, OnError, RawDisk};
use crate::rate_limit::{Rate, RateLimit};
use crate::state::DeviceState;
use std::sync::Mutex;
use std::time::Duration;
use virtio_queue::QueueT;

const WRITE: [u8; 10] = [0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0];
const FLUSH: [u8; 10] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Answers before those of a test: each of two units says that it was switched on.
const BEFORE: u16 = 2;

struct Scene {
    rig: Rig,
    port: Arc<DiskPort>,
    host: Arc<Mutex<Host>>,
    file: File,
}

fn scene(on_error: OnError, limit: &RateLimit) -> Scene {
    let file = file(BLOCKS);
    let host = Arc::new(Mutex::new(Host::default()));
    let disk = RawDisk::new("disk0".into(), file.try_clone().unwrap(), false).unwrap();
    let disk = Arc::new(FaultyDisk { disk, host: Arc::clone(&host) });
    let port = Arc::new(DiskPort::new("disk0".into(), disk, on_error, limit, 1));
    let units = vec![disk_unit_behind("disk0", Arc::clone(&port)), disk_unit("other", raw(&file, true))];
    Scene { rig: Rig::new(units), port, host, file }
}

fn fail(scene: &Scene, error: i32) {
    scene.host.lock().unwrap().fails.push_back(error);
}

fn sector(scene: &Scene) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    scene.file.read_exact_at(&mut bytes, 3 * 512).unwrap();
    bytes
}

fn pause(rig: &mut Rig) {
    let deadline = Instant::now() + Duration::from_secs(60);
    assert!(rig.handlers.iter_mut().all(|handler| handler.drain(&mut rig.worker, deadline)));
}

#[test]
fn report_and_ignore_tell_the_driver_of_an_error_or_of_a_success() {
    for (policy, status) in [(OnError::Report, 2), (OnError::Ignore, 0)] {
        let mut scene = scene(policy, &RateLimit::default());
        fail(&scene, libc::EIO);
        assert_eq!(scene.rig.command(0, UNIT, &WRITE, &[7; 512], 0).status, status);
        assert!(sector(&scene) == contents(BLOCKS)[3 * 512..4 * 512]);
        assert_eq!(scene.rig.command(0, UNIT, &WRITE, &[7; 512], 0).status, 0);
        let statistics = &scene.port.statistics()[0];
        assert_eq!((statistics.errors, statistics.written_bytes), (1, 512));
    }
}

#[test]
fn stop_parks_a_command_until_a_pause_and_the_other_units_go_on() {
    let mut scene = scene(OnError::Stop, &RateLimit::default());
    fail(&scene, libc::EIO);
    scene.rig.offer(0, UNIT, 7, &WRITE, &[7; 512], 0);
    scene.rig.process();
    scene.rig.offer(0, UNIT, 8, &FLUSH, &[], 0);
    scene.rig.process();
    assert_eq!((scene.rig.drivers[2].used_index(), scene.host.lock().unwrap().asked.len()), (BEFORE, 1));
    let other = scene.rig.command(1, [1, 1, 0x40, 0, 0, 0, 0, 0], &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[], 512);
    assert_eq!(other.status, 0);
    pause(&mut scene.rig);
    assert_eq!(scene.rig.drivers[2].used_index(), BEFORE);
    scene.rig.process();
    assert_eq!((scene.rig.drivers[2].used_index(), sector(&scene)), (BEFORE + 2, vec![7; 512]));
}

#[test]
fn a_saved_device_names_what_is_parked_and_its_copy_tries_it_again() {
    let mut scene = scene(OnError::Stop, &RateLimit::default());
    fail(&scene, libc::ENOSPC);
    scene.rig.offer(0, UNIT, 7, &WRITE, &[7; 512], 0);
    scene.rig.process();
    pause(&mut scene.rig);
    let saved = VirtioDevice::<TestMemory>::save(&scene.rig.device).unwrap();
    let state: ScsiState = saved.decode().unwrap();
    assert_eq!(state.parked.len(), 1);
    assert_eq!(ScsiState::VERSION, 2);
    let units = vec![disk_unit_behind("disk0", Arc::clone(&scene.port)), disk_unit("other", raw(&scene.file, true))];
    let config = ScsiConfig { id: "scsi".into(), queues: 2, units };
    let mut copy = VirtioScsi::new(config, Some(state)).unwrap();
    assert_eq!(VirtioDevice::<TestMemory>::save(&copy).unwrap(), saved);
    let Rig { mut drivers, interrupts, .. } = scene.rig;
    let driver = drivers.remove(2);
    let mut ring = driver.config().to_queue(16, false).unwrap();
    // What was taken before is not available again.
    ring.set_next_avail(BEFORE + 1);
    ring.set_next_used(BEFORE);
    let (event, memory) = (EventFd::new(EFD_NONBLOCK).unwrap(), Arc::clone(&driver.memory));
    let queue = VirtQueue::new(2, ring, 0, memory, event, Arc::clone(&interrupts[2]) as _);
    let mut handlers = copy.activate(Activation { features: 0, queues: vec![queue] }).unwrap();
    handlers[0].process(&mut WorkerContext::new(Instant::now()));
    assert_eq!(driver.used_index(), BEFORE + 1);
}

#[test]
fn an_aborted_command_that_is_parked_ends_and_is_not_tried_again() {
    let mut scene = scene(OnError::Stop, &RateLimit::default());
    fail(&scene, libc::EIO);
    scene.rig.offer(0, UNIT, 7, &WRITE, &[7; 512], 0);
    scene.rig.process();
    let request = [&[0; 4][..], &[0; 4], &UNIT, &7u64.to_le_bytes()].concat();
    assert_eq!(scene.rig.control(&request, 1), Some(vec![0]));
    assert_eq!(scene.rig.drivers[2].used_index(), BEFORE + 1);
    pause(&mut scene.rig);
    scene.rig.process();
    assert!(sector(&scene) == contents(BLOCKS)[3 * 512..4 * 512]);
}

#[test]
fn a_limited_disk_waits_and_the_other_units_do_not() {
    let limit = RateLimit { operations: Some(Rate { per_second: 1, burst: 1 }), bytes: None };
    let mut scene = scene(OnError::Report, &limit);
    for tag in 0..3 {
        scene.rig.offer(0, UNIT, tag, &FLUSH, &[], 0);
        scene.rig.process();
    }
    let answered = scene.rig.drivers[2].used_index();
    assert!(answered < BEFORE + 3, "{answered}");
    let other = scene.rig.command(1, [1, 1, 0x40, 0, 0, 0, 0, 0], &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[], 512);
    assert_eq!((other.status, scene.rig.drivers[2].used_index()), (0, answered));
    assert!(scene.port.statistics()[0].throttled > 0);
    pause(&mut scene.rig);
    assert_eq!(scene.rig.drivers[2].used_index(), BEFORE + 3, "a pause does not wait for the limit");
}
