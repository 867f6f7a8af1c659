//! The device as its driver sees it: each queue has a memory of its own.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod any;
mod commands;
mod policies;
mod tasks;

use super::*;
use crate::backend::block::RemovableDisk;
use crate::backend::block::testing::{LateDisk, contents, file, port, raw};
use crate::scsi::UnitConfig;
use crate::scsi::testing::{disk_unit, disk_unit_behind, drive_unit};
use crate::virtio::testing::{Driver, NotedInterrupt, TestMemory, ram};
use crate::virtio::{Activation, QueueHandler, VirtQueue, VirtioDevice};
use crate::worker::WorkerContext;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// Where the parts of a request are put.
const REQUEST: u64 = 0x4000;
const RESPONSE: u64 = 0x4100;
const DATA: u64 = 0x5000;
/// Lengths of the parts, with the sizes after a reset.
const REQUEST_LENGTH: u32 = 19 + 32;
const RESPONSE_LENGTH: u32 = 12 + 96;
/// The unit of target 0.
const UNIT: [u8; 8] = [1, 0, 0x40, 0, 0, 0, 0, 0];
/// Blocks of a disk of tests.
const BLOCKS: u64 = 64;

/// A running device with two request queues.
struct Rig {
    device: VirtioScsi,
    /// By queue.
    drivers: Vec<Driver>,
    handlers: Vec<Box<dyn QueueHandler>>,
    interrupts: Vec<Arc<NotedInterrupt>>,
    worker: WorkerContext,
}

impl Rig {
    fn new(units: Vec<UnitConfig>) -> Self {
        let count = u8::try_from(units.len()).unwrap();
        let config = ScsiConfig { id: "scsi".into(), queues: 2, units };
        let mut rig = Self::with(VirtioScsi::new(config, None).unwrap());
        // Each unit says that it was switched on.
        for target in 0..count {
            let told = rig.command(0, [1, target, 0x40, 0, 0, 0, 0, 0], &[0; 6], &[], 0);
            assert_eq!((told.status, told.sense), (2, Some((6, 0x29, 0))));
        }
        rig
    }

    /// Over the disk of tests.
    fn disk() -> (Self, File) {
        let file = file(BLOCKS);
        (Self::new(vec![disk_unit("disk0", raw(&file, false))]), file)
    }

    /// Over a disk that completes late.
    fn late() -> (Self, LateDisk) {
        let disk = LateDisk::default();
        (Self::new(vec![disk_unit("disk0", Arc::new(disk.clone()))]), disk)
    }

    fn with(mut device: VirtioScsi) -> Self {
        let (mut queues, mut drivers, mut interrupts) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..4 {
            let driver = Driver::new(ram(), 16);
            let ring = driver.config().to_queue(16, false).unwrap();
            let interrupt = Arc::new(NotedInterrupt::default());
            let event = EventFd::new(EFD_NONBLOCK).unwrap();
            let memory = Arc::clone(&driver.memory);
            queues.push(VirtQueue::new(index, ring, 0, memory, event, Arc::clone(&interrupt) as _));
            drivers.push(driver);
            interrupts.push(interrupt);
        }
        let features = VirtioDevice::<TestMemory>::features(&device);
        let handlers = device.activate(Activation { features, queues }).unwrap();
        Self { device, drivers, handlers, interrupts, worker: WorkerContext::new(Instant::now()) }
    }

    /// Every handler has its turn until nothing is left.
    fn process(&mut self) {
        for _ in 0..2 {
            for handler in &mut self.handlers {
                while handler.process(&mut self.worker) {}
            }
        }
    }

    /// Offers a command in request queue `queue`; its data is at [`DATA`].
    fn offer(&mut self, queue: usize, lun: [u8; 8], tag: u64, cdb: &[u8], out: &[u8], room: u32) {
        let driver = &mut self.drivers[2 + queue];
        let mut request = [&lun[..], &tag.to_le_bytes(), &[0; 3], cdb].concat();
        request.resize(REQUEST_LENGTH as usize, 0);
        driver.fill(REQUEST, &request);
        driver.fill(RESPONSE, &[0xee; RESPONSE_LENGTH as usize]);
        let mut parts = vec![(REQUEST, REQUEST_LENGTH, false)];
        if !out.is_empty() {
            driver.fill(DATA, out);
            parts.push((DATA, out.len() as u32, false));
        }
        parts.push((RESPONSE, RESPONSE_LENGTH, true));
        if room > 0 {
            parts.push((DATA, room, true));
        }
        driver.offer((driver.available * 4) % 16, &parts);
    }

    /// A command, carried out.
    fn command(&mut self, queue: usize, lun: [u8; 8], cdb: &[u8], out: &[u8], room: u32) -> Told {
        let before = self.drivers[2 + queue].used_index();
        self.offer(queue, lun, 7, cdb, out, room);
        self.process();
        let driver = &self.drivers[2 + queue];
        assert_eq!(driver.used_index(), before.wrapping_add(1), "every command is answered");
        Told::read(driver, driver.used(before).1)
    }

    /// A request of the control queue; its answer, when there is one.
    fn control(&mut self, request: &[u8], room: u32) -> Option<Vec<u8>> {
        let before = self.drivers[0].used_index();
        let driver = &mut self.drivers[0];
        driver.fill(REQUEST, request);
        driver.offer((driver.available * 2) % 16, &[(REQUEST, request.len() as u32, false), (RESPONSE, room, true)]);
        self.process();
        self.control_answer(before)
    }

    fn control_answer(&self, index: u16) -> Option<Vec<u8>> {
        let driver = &self.drivers[0];
        (driver.used_index() != index).then(|| driver.bytes(RESPONSE, driver.used(index).1 as usize))
    }
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    response: u8,
    status: u8,
    sense: Option<(u8, u8, u8)>,
    residual: u32,
    /// Bytes of data that were written.
    data: Vec<u8>,
}

impl Told {
    fn read(driver: &Driver, used: u32) -> Self {
        let bytes = driver.bytes(RESPONSE, RESPONSE_LENGTH as usize);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let sense = (word(0) > 0).then(|| (bytes[14], bytes[24], bytes[25]));
        let data = driver.bytes(DATA, used.saturating_sub(RESPONSE_LENGTH) as usize);
        Self { response: bytes[11], status: bytes[10], sense, residual: word(4), data }
    }

    fn good(residual: u32, data: &[u8]) -> Self {
        Self { response: 0, status: 0, sense: None, residual, data: data.to_vec() }
    }
}

#[test]
fn the_device_offers_what_it_can_do() {
    let (mut rig, _) = Rig::disk();
    let device: &mut dyn VirtioDevice<TestMemory> = &mut rig.device;
    assert_eq!((device.device_type(), device.features()), (8, 1 << 1 | 1 << 2));
    assert_eq!(device.queue_max_sizes(), [64, 64, 256, 256]);
    let mut space = [1; 40];
    device.read_config(0, &mut space);
    let words: Vec<u32> = space.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(words, [2, 254, 0xffff, 128, 16, 96, 32, 255 << 16, 0, 0]);
}

#[test]
fn the_driver_sets_the_sizes_of_sense_data_and_commands_and_nothing_else() {
    let (mut rig, _) = Rig::disk();
    let device: &mut dyn VirtioDevice<TestMemory> = &mut rig.device;
    for offset in (0..40).step_by(4) {
        device.write_config(offset, &20u32.to_le_bytes());
    }
    device.write_config(20, &[1, 2]);
    device.write_config(24, &1000u32.to_le_bytes());
    let mut space = [0; 28];
    device.read_config(0, &mut space);
    assert_eq!((space[0], space[20], space[24]), (2, 20, 20));
    let saved: ScsiState = device.save().unwrap().decode().unwrap();
    assert_eq!((saved.sense_size, saved.cdb_size), (20, 20));
    device.reset();
    device.read_config(0, &mut space);
    assert_eq!((space[20], space[24]), (96, 32));
}

#[test]
fn a_saved_device_fits_the_same_units_only() {
    let (rig, disk) = Rig::disk();
    let state: ScsiState = VirtioDevice::<TestMemory>::save(&rig.device).unwrap().decode().unwrap();
    let restore = |count: usize, state: ScsiState| {
        let units = (0..count).map(|_| disk_unit("disk0", raw(&disk, false))).collect();
        VirtioScsi::new(ScsiConfig { id: "scsi".into(), queues: 2, units }, Some(state)).map(drop)
    };
    restore(1, state.clone()).unwrap();
    assert_eq!(restore(2, state.clone()).unwrap_err().to_string(), "SCSI device scsi does not fit its saved state");
    assert!(restore(1, ScsiState { cdb_size: 1 << 20, ..state }).is_err());
    let units = (0..257).map(|_| disk_unit("disk0", raw(&disk, false))).collect();
    let many = VirtioScsi::new(ScsiConfig { id: "scsi".into(), queues: 1, units }, None).map(drop).unwrap_err();
    assert_eq!(many.to_string(), "257 disks are too many for one SCSI bus: it has 256 targets");
}
