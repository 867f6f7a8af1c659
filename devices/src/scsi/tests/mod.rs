//! Units as an initiator sees them.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod any;
mod disk;
mod drive;

use super::*;
use crate::backend::block::{BlockBackend, DriveStatus, RemovableDisk, Step, testing};
use crate::scsi::testing::{disk_unit, drive_unit};
use std::sync::Arc;

/// Blocks of the disk of tests.
const BLOCKS: u64 = 64;

fn raw(bytes: u64, readonly: bool) -> Arc<dyn BlockBackend> {
    testing::raw(&testing::file(bytes / 512), readonly)
}

fn disk_with(readonly: bool, state: Option<UnitState>) -> LogicalUnit {
    LogicalUnit::new(disk_unit("disk0", raw(BLOCKS * 512, readonly)), state).unwrap()
}

/// A disk whose initiator has been told that it was switched on.
fn disk() -> LogicalUnit {
    ready(disk_with(false, None))
}

/// A drive with a disc of `sectors`, or without one, and its slot.
fn drive(sectors: Option<u64>) -> (LogicalUnit, Arc<RemovableDisk>) {
    let media = Arc::new(RemovableDisk::new("cd0".into(), sectors.map(|sectors| raw(sectors * 2048, true))));
    (LogicalUnit::new(drive_unit("cd0", &media), None).unwrap(), media)
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
