//! The block device, as its driver and its backend see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod asynchronous;
mod chains;
mod features;
mod policies;
mod requests;

use super::device::SEGMENTS;
use super::*;
use crate::backend::block::testing::{contents, file, port};
use crate::backend::block::{CacheMode, DiskPort, OnError, RawDisk};
use crate::rate_limit::RateLimit;
use crate::state::Section;
use crate::virtio::VirtioDevice;
use crate::virtio::testing::{Driver, Machine, TestMemory, ram, registers};
use proptest::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Sectors of the disk of tests.
const SECTORS: u64 = 16;

fn config() -> BlockConfig {
    BlockConfig {
        id: "disk0".into(),
        serial: Some("S-1234".into()),
        queues: 1,
        cache: CacheMode::WriteBack,
        discard: true,
        blocks: BlockSizes::default(),
    }
}

fn device(readonly: bool) -> Box<dyn VirtioDevice<TestMemory>> {
    device_over(file(SECTORS), readonly)
}

fn device_over(file: File, readonly: bool) -> Box<dyn VirtioDevice<TestMemory>> {
    let disk = Arc::new(RawDisk::new("disk0".into(), file, readonly).unwrap());
    Box::new(VirtioBlock::new(config(), port(disk), None).unwrap())
}

/// A running device and the file behind it.
fn running(readonly: bool) -> (Machine, Driver, File) {
    let file = file(SECTORS);
    let machine = Machine::new(device_over(file.try_clone().unwrap(), readonly), ram());
    let driver = machine.start(16);
    (machine, driver, file)
}

fn on_disk(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; (SECTORS * 512) as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Where the header of a request is put.
const HEADER: u64 = 0x4000;
/// Where its status is put.
const STATUS: u64 = 0x4100;
/// Where its data is put.
const DATA: u64 = 0x5000;
/// What the status byte is before the device writes it.
const UNTOUCHED: u8 = 0xee;

fn header(driver: &Driver, kind: u32, sector: u64) {
    driver.fill(HEADER, &kind.to_le_bytes());
    driver.fill(HEADER + 4, &[0xff; 4]);
    driver.fill(HEADER + 8, &sector.to_le_bytes());
    driver.fill(STATUS, &[UNTOUCHED]);
}

/// Issues a request of `parts` between header and status; its status byte and used length.
fn request(machine: &Machine, driver: &mut Driver, kind: u32, sector: u64, data: &[(u64, u32, bool)]) -> (u8, u32) {
    header(driver, kind, sector);
    let mut parts = vec![(HEADER, 16, false)];
    parts.extend(data);
    parts.push((STATUS, 1, true));
    let before = driver.used_index();
    driver.offer(0, &parts);
    machine.workers.process();
    assert_eq!(driver.used_index(), before.wrapping_add(1), "every request is answered");
    (driver.bytes(STATUS, 1)[0], driver.used(before).1)
}

#[test]
fn a_serial_number_has_at_most_20_ascii_characters() {
    let backend = || port(Arc::new(RawDisk::new("disk0".into(), file(SECTORS), false).unwrap()));
    for (serial, fits) in [("", true), ("12345678901234567890", true), ("123456789012345678901", false), ("é", false)]
    {
        let config = BlockConfig { serial: Some(serial.into()), ..config() };
        let made = VirtioBlock::new(config, backend(), None).map(|_| ()).map_err(|error| error.to_string());
        let message = format!("Serial number {serial:?} of disk disk0 does not fit: give at most 20 ASCII characters");
        assert_eq!(made, if fits { Ok(()) } else { Err(message) });
    }
    assert_eq!(BlockConfig { serial: None, ..config() }.serial_bytes(), Some([0; 20]));
}

#[test]
fn a_saved_state_fits_only_a_disk_of_the_same_size_and_writability() {
    let saved: Section = device(false).save().unwrap();
    let state: BlockState = saved.decode().unwrap();
    assert_eq!(state, BlockState { sectors: SECTORS, readonly: false, writeback: true, parked: vec![] });
    let restore = |readonly, state| {
        let disk = Arc::new(RawDisk::new("disk0".into(), file(SECTORS), readonly).unwrap());
        VirtioBlock::new(config(), port(disk), Some(state)).map(|_| ())
    };
    restore(false, state.clone()).unwrap();
    assert!(restore(false, BlockState { parked: vec![(0, vec![0; 257])], ..state.clone() }).is_err());
    assert!(restore(true, state.clone()).is_err());
    let error = restore(false, BlockState { sectors: SECTORS + 1, ..state }).unwrap_err();
    assert_eq!(error.to_string(), "Disk disk0 does not fit its saved state");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "State of disk0 cannot be used: it had 17 sectors, now it has 16 sectors");
}

#[test]
fn a_reset_device_starts_anew() {
    let (machine, mut driver, _) = running(false);
    assert_eq!(request(&machine, &mut driver, 4, 0, &[]), (0, 1));
    machine.write(0x70, 0);
    driver.fill(0x1000, &[0; 0x3000]);
    let mut driver = machine.start(16);
    assert_eq!(request(&machine, &mut driver, 4, 0, &[]), (0, 1));
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        let make = |saved: Option<&Section>| -> Box<dyn VirtioDevice<TestMemory>> {
            let disk = Arc::new(RawDisk::new("disk0".into(), file(SECTORS), false).unwrap());
            let state = saved.map(|state| state.decode().unwrap());
            Box::new(VirtioBlock::new(config(), port(disk), state).unwrap())
        };
        registers::run(make, &events);
    }
}
