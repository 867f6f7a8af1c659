//! Units as an initiator sees them.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod any;
mod disk;
mod drive;

use super::*;
use crate::backend::block::{BlockBackend, DriveStatus, RawDisk, RemovableDisk, Step};
use std::fs::File;
use std::sync::Arc;

/// Blocks of the disk of tests.
const BLOCKS: u64 = 64;

fn file(bytes: u64) -> File {
    let file = File::from(rustix::fs::memfd_create("disk", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    file.set_len(bytes).unwrap();
    file
}

fn raw(bytes: u64, readonly: bool) -> Arc<dyn BlockBackend> {
    Arc::new(RawDisk::new("disk0".into(), file(bytes), readonly).unwrap())
}

fn disk_with(readonly: bool, state: Option<UnitState>) -> LogicalUnit {
    let medium = Medium::Fixed(raw(BLOCKS * 512, readonly));
    LogicalUnit::new(UnitConfig { id: "disk0".into(), serial: Some("S-1".into()), medium }, state).unwrap()
}

/// A disk whose initiator has been told that it was switched on.
fn disk() -> LogicalUnit {
    ready(disk_with(false, None))
}

/// A drive with a disc of `sectors`, or without one, and its slot.
fn drive(sectors: Option<u64>) -> (LogicalUnit, Arc<RemovableDisk>) {
    let media = Arc::new(RemovableDisk::new("cd0".into(), sectors.map(|sectors| raw(sectors * 2048, true))));
    let medium = Medium::Removable(Arc::clone(&media));
    (LogicalUnit::new(UnitConfig { id: "cd0".into(), serial: None, medium }, None).unwrap(), media)
}

fn ready(unit: LogicalUnit) -> LogicalUnit {
    assert_eq!(run(&unit, &[0; 6]), Answer::Check(Sense::POWER_ON));
    unit
}

/// A command without parameters.
fn run(unit: &LogicalUnit, cdb: &[u8]) -> Answer {
    unit.execute(cdb, &mut |_| None)
}

/// A command with parameters.
fn run_with(unit: &LogicalUnit, cdb: &[u8], parameters: &[u8]) -> Answer {
    unit.execute(cdb, &mut |length| parameters.get(..length as usize).map(<[u8]>::to_vec))
}

fn bytes(unit: &LogicalUnit, cdb: &[u8]) -> Vec<u8> {
    match run(unit, cdb) {
        Answer::Data(bytes) => bytes,
        other => panic!("{cdb:x?}: {other:?}"),
    }
}

const GOOD: Answer = Answer::Data(Vec::new());
