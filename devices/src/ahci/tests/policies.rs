//! Errors of the host by policy and rate limits: those of the disk, on this bus too.

use super::*;
use crate::backend::block::faults::{FaultyDisk, Host};
use crate::backend::block::{DiskPort, OnError, RawDisk};
use crate::rate_limit::{Rate, RateLimit};
use crate::scsi::testing::disk_unit_behind;
use std::sync::Mutex;

struct Scene {
    rig: Rig,
    port: Arc<DiskPort>,
    host: Arc<Mutex<Host>>,
}

fn scene(on_error: OnError, limit: &RateLimit) -> Scene {
    let host = Arc::new(Mutex::new(Host::default()));
    let disk = RawDisk::new("disk0".into(), file(SECTORS), false).unwrap();
    let disk = Arc::new(FaultyDisk { disk, host: Arc::clone(&host) });
    let port = Arc::new(DiskPort::new("disk0".into(), disk, on_error, limit, 1));
    Scene { rig: Rig::new(vec![disk_unit_behind("disk0", Arc::clone(&port))]), port, host }
}

fn fail(scene: &Scene, error: i32) {
    scene.host.lock().unwrap().fails.push_back(error);
}

/// READ FPDMA QUEUED of sector `slot` into its own place.
fn queue(rig: &Rig, slot: u32) {
    let mut fis = fis(0x60, slot.into(), (slot << 3) as u16, 1);
    fis[7] = 0x40;
    rig.put(slot, fis, &[(DATA + 512 * u64::from(slot), 512)]);
    rig.set_port(0x34, 1 << slot);
    rig.issue(1 << slot);
}

#[test]
fn report_and_ignore_tell_the_driver_of_an_error_or_of_a_success() {
    for (policy, status) in [(OnError::Report, 0x51), (OnError::Ignore, 0x50)] {
        let scene = scene(policy, &RateLimit::default());
        fail(&scene, libc::EIO);
        assert_eq!(scene.rig.command(fis(0x25, 0, 1, 0), &[(DATA, 512)]).0, status);
        assert_eq!(scene.port.statistics()[0].errors, 1);
    }
}

#[test]
fn stop_parks_commands_until_a_pause_and_then_tries_them_again() {
    let scene = scene(OnError::Stop, &RateLimit::default());
    fail(&scene, libc::EIO);
    queue(&scene.rig, 1);
    queue(&scene.rig, 2);
    assert_eq!((scene.rig.port(0x34), scene.rig.port(0x38), scene.rig.port(0x10)), (6, 0, 0));
    assert_eq!(scene.host.lock().unwrap().asked.len(), 1);
    scene.rig.ahci.park(Box::new(|| {}));
    scene.rig.ahci.unpark();
    scene.rig.workers.process();
    assert_eq!((scene.rig.port(0x34), scene.rig.port(0x38), scene.rig.port(0x10)), (0, 0, 8));
    assert!(scene.rig.bytes(DATA + 512, 1024) == contents(SECTORS)[512..1536]);
}

#[test]
fn parked_commands_are_tried_by_the_copy_of_a_saved_controller() {
    for queued in [false, true] {
        let scene = scene(OnError::Stop, &RateLimit::default());
        fail(&scene, libc::ENOSPC);
        if queued {
            queue(&scene.rig, 1);
        } else {
            scene.rig.put(1, fis(0x25, 1, 1, 0), &[(DATA + 512, 512)]);
            scene.rig.issue(2);
        }
        scene.rig.ahci.park(Box::new(|| {}));
        let state: AhciState = scene.rig.ahci.save().unwrap().decode().unwrap();
        let ports = vec![disk_unit_behind("disk0", Arc::clone(&scene.port))];
        let copy = Rig::restored(ports, Arc::clone(&scene.rig.memory), Some(state)).unwrap();
        copy.ahci.unpark();
        copy.workers.process();
        assert_eq!((copy.port(0x34), copy.port(0x38), copy.port(0x18) & 0x8000), (0, 0, 0x8000), "{queued}");
        assert!(copy.bytes(DATA + 512, 512) == contents(SECTORS)[512..1024]);
    }
}

#[test]
fn a_port_that_is_stopped_does_not_wait_for_what_is_parked_or_limited() {
    let limit = RateLimit { operations: Some(Rate { per_second: 1, burst: 1 }), bytes: None };
    let parked = scene(OnError::Stop, &RateLimit::default());
    fail(&parked, libc::EIO);
    let limited = scene(OnError::Report, &limit);
    limited.rig.command(fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    for scene in [parked, limited] {
        scene.rig.put(1, fis(0x25, 1, 1, 0), &[(DATA, 512)]);
        scene.rig.issue(2);
        assert_eq!(scene.rig.port(0x38), 2);
        scene.rig.recover();
        assert_eq!(scene.rig.port(0x38), 0);
    }
}
