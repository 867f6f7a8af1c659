//! A kernel as it lies in memory, without headers: who starts it knows where it goes and where it begins.

use super::error::BootError;
use super::payload::Payload;
use super::place;
use crate::memory::GuestRam;
use std::ops::Range;

/// The file's place in memory.
#[derive(Debug)]
pub(super) struct RawImage {
    memory: Range<u64>,
    entry: u64,
}

impl RawImage {
    /// The whole file at guest-physical address `load`, entered at `entry` by the 64-bit Linux protocol.
    ///
    /// # Errors
    /// It is not entered at one of its bytes.
    pub(super) fn new(kernel: &Payload<'_>, load: u64, entry: u64) -> Result<Self, BootError> {
        let memory = load..load.saturating_add(kernel.size());
        if !memory.contains(&entry) {
            return Err(BootError::RawEntry { entry, start: memory.start, end: memory.end });
        }
        Ok(Self { memory, entry })
    }

    /// The memory that the file fills. What the kernel uses behind it nobody knows; RAM disks lie as far away as they can.
    pub(super) fn memory(&self) -> Range<u64> {
        self.memory.clone()
    }

    /// The physical address of the 64-bit entry point.
    pub(super) fn entry(&self) -> u64 {
        self.entry
    }

    /// Reads the file into guest memory.
    ///
    /// # Errors
    /// Its place lies outside `room`, or the file cannot be read.
    pub(super) fn load(&self, kernel: &Payload<'_>, ram: &GuestRam, room: &Range<u64>) -> Result<(), BootError> {
        place::check(&self.memory, room)?;
        kernel.load(0, kernel.size(), ram, self.memory.start)
    }
}
