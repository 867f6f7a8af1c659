//! ATA commands of a disk (ACS-3): what each becomes. No I/O happens here.

use super::fis::TaskFile;
use super::identify::{self, DiskIdentity, TRIM_BLOCKS};
use crate::backend::block::{DiskPort, Step};
use crate::id::DeviceId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// Errors: the command was aborted; the sector does not exist; it cannot be read; it is write-protected or cannot be
/// written.
pub(super) const ABORTED: u8 = 0x04;
pub(super) const NOT_FOUND: u8 = 0x10;
pub(super) const UNREADABLE: u8 = 0x40;
/// READ LOG EXT: the log of the last queued command that failed.
const QUEUED_ERRORS: u8 = 0x10;
/// What SMART RETURN STATUS leaves in the address when all is well.
const SMART_SIGNATURE: u64 = 0xc2_4f00;

/// A disk behind a port.
pub(super) struct AtaDisk {
    pub(super) id: DeviceId,
    pub(super) serial: String,
    pub(super) port: Arc<DiskPort>,
    /// There is a write cache, which the driver may switch off.
    pub(super) cached: bool,
    /// The driver may give sectors back.
    pub(super) discard: bool,
    pub(super) write_cache: AtomicBool,
}

/// How a command moves its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By DMA, or there is none.
    Dma,
    /// As one of 32 queued commands.
    Queued,
    /// By PIO: a setup FIS comes before it.
    Pio,
}

/// What a command becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is done, with these registers.
    Done(TaskFile),
    /// It gives these bytes, by PIO.
    Data(Vec<u8>),
    /// It is done when these steps are.
    Work(Vec<Step>, Way),
    /// It is a TRIM whose ranges are this much data.
    Trim(u32),
    /// It asks for the log of the last queued command that failed.
    QueuedErrors,
    /// It fails.
    Failed(u8),
}

/// Whether a command is one of the queued ones.
pub(super) const fn is_queued(command: u8) -> bool {
    matches!(command, 0x60 | 0x61)
}

impl AtaDisk {
    pub(super) fn sectors(&self) -> u64 {
        self.port.backend().capacity() / SECTOR
    }

    pub(super) fn readonly(&self) -> bool {
        self.port.backend().readonly()
    }

    fn identity(&self) -> DiskIdentity<'_> {
        DiskIdentity {
            serial: &self.serial,
            sectors: self.sectors(),
            cached: self.cached,
            write_cache: !self.is_write_through(),
            discard: self.discard && !self.readonly(),
        }
    }

    /// What is written must be stable before it is answered.
    fn is_write_through(&self) -> bool {
        !self.write_cache.load(Ordering::Acquire)
    }

    /// Decides about a command.
    pub(super) fn plan(&self, command: &TaskFile) -> Plan {
        let done = Plan::Done(TaskFile { device: command.device, lba: command.lba, ..TaskFile::default() });
        let [subcommand, _] = command.features.to_le_bytes();
        match command.command {
            0xec => Plan::Data(identify::disk(&self.identity())),
            // READ and WRITE: DMA, PIO, MULTIPLE and queued; each with short and with long addresses.
            0xc8 => self.transfer(short(command), false, false, Way::Dma),
            0x25 => self.transfer(long(command), false, false, Way::Dma),
            0x20 | 0x21 | 0xc4 => self.transfer(short(command), false, false, Way::Pio),
            0x24 | 0x29 => self.transfer(long(command), false, false, Way::Pio),
            0x60 => self.transfer(queued(command), false, false, Way::Queued),
            0xca => self.transfer(short(command), true, false, Way::Dma),
            0x35 => self.transfer(long(command), true, false, Way::Dma),
            0x3d => self.transfer(long(command), true, true, Way::Dma),
            0x30 | 0x31 | 0xc5 => self.transfer(short(command), true, false, Way::Pio),
            0x34 | 0x39 => self.transfer(long(command), true, false, Way::Pio),
            0xce => self.transfer(long(command), true, true, Way::Pio),
            0x61 => self.transfer(queued(command), true, command.device & 0x80 != 0, Way::Queued),
            // READ VERIFY: the sectors exist.
            0x40 | 0x41 => self.verify(short(command), done),
            0x42 => self.verify(long(command), done),
            0xe7 | 0xea => Plan::Work(vec![Step::Flush], Way::Dma),
            0x06 => self.trim(command),
            0xef => self.set_features(subcommand, done),
            0x2f => Self::read_log(command),
            0xb0 => smart(command, subcommand, done),
            // CHECK POWER MODE: it is active.
            0xe5 => Plan::Done(TaskFile { count: 0xff, device: command.device, ..TaskFile::default() }),
            // A disk that goes to sleep keeps nothing in its cache.
            0xe0 | 0xe2 | 0xe6 => Plan::Work(vec![Step::Flush], Way::Dma),
            // IDLE, SEEK, RECALIBRATE, SET MULTIPLE MODE, INITIALIZE DEVICE PARAMETERS.
            0xe1 | 0xe3 | 0x70 | 0x10 | 0xc6 | 0x91 => done,
            // EXECUTE DEVICE DIAGNOSTIC: the signature, and no error, which is 1.
            0x90 => Plan::Done(TaskFile { lba: 1, count: 1, ..TaskFile::default() }),
            _ => Plan::Failed(ABORTED),
        }
    }

    fn transfer(&self, (lba, count): (u64, u32), write: bool, forced: bool, way: Way) -> Plan {
        if write && self.readonly() {
            return Plan::Failed(UNREADABLE | ABORTED);
        }
        if lba.checked_add(count.into()).is_none_or(|end| end > self.sectors()) {
            return Plan::Failed(NOT_FOUND);
        }
        // At most 65536 sectors.
        let length = u32::try_from(u64::from(count) * SECTOR).unwrap_or(u32::MAX);
        let offset = lba * SECTOR;
        let step = if write {
            let stable = forced || self.is_write_through();
            Step::Write { offset, at: 0, length, stable }
        } else {
            Step::Read { offset, at: 0, length }
        };
        Plan::Work(vec![step], way)
    }

    fn verify(&self, (lba, count): (u64, u32), done: Plan) -> Plan {
        let inside = lba.checked_add(count.into()).is_some_and(|end| end <= self.sectors());
        if inside { done } else { Plan::Failed(NOT_FOUND) }
    }

    fn trim(&self, command: &TaskFile) -> Plan {
        let blocks = command.count;
        let possible = command.features & 0xff == 1 && (1..=TRIM_BLOCKS).contains(&blocks);
        if possible && self.discard && !self.readonly() {
            Plan::Trim(u32::from(blocks) * 512)
        } else {
            Plan::Failed(ABORTED)
        }
    }

    /// The steps of a TRIM with these ranges (ACS-3 7.5.3).
    pub(super) fn discards(&self, ranges: &[u8]) -> Plan {
        let mut steps = Vec::new();
        for range in ranges.chunks_exact(8) {
            let number = range.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            let (lba, count) = (number & 0xffff_ffff_ffff, number >> 48);
            if count == 0 {
                continue;
            }
            if lba + count > self.sectors() {
                return Plan::Failed(ABORTED | NOT_FOUND);
            }
            steps.push(Step::Discard { offset: lba * SECTOR, length: count * SECTOR });
        }
        if steps.is_empty() { Plan::Done(TaskFile::default()) } else { Plan::Work(steps, Way::Dma) }
    }

    fn set_features(&self, subcommand: u8, done: Plan) -> Plan {
        match subcommand {
            0x02 | 0x82 if self.cached => {
                let on = subcommand == 0x02;
                self.write_cache.store(on, Ordering::Release);
                if on { done } else { Plan::Work(vec![Step::Flush], Way::Dma) }
            }
            // Transfer mode, look-ahead.
            0x03 | 0x55 | 0xaa => done,
            _ => Plan::Failed(ABORTED),
        }
    }

    /// The list of logs, or the only one.
    fn read_log(command: &TaskFile) -> Plan {
        let [log, first, ..] = command.lba.to_le_bytes();
        match (log, first, command.count) {
            (0x00, 0, 1) => {
                let mut list = vec![0; 512];
                list.splice(0..2, [1, 0]);
                let at = 2 * usize::from(QUEUED_ERRORS);
                list.splice(at..at + 2, [1, 0]);
                Plan::Data(list)
            }
            (QUEUED_ERRORS, 0, 1) => Plan::QueuedErrors,
            _ => Plan::Failed(ABORTED),
        }
    }
}

/// SMART: enabled, and in good health; nothing is measured.
fn smart(command: &TaskFile, subcommand: u8, done: Plan) -> Plan {
    match subcommand {
        _ if command.lba & 0xff_ff00 != SMART_SIGNATURE => Plan::Failed(ABORTED),
        0xd8 | 0xd9 | 0xd2 => done,
        0xda => Plan::Done(TaskFile { lba: SMART_SIGNATURE, device: command.device, ..TaskFile::default() }),
        _ => Plan::Failed(ABORTED),
    }
}

/// 28 bits of address and a count of which 0 is 256.
fn short(command: &TaskFile) -> (u64, u32) {
    let lba = u64::from(command.device & 0xf) << 24 | command.lba & 0xff_ffff;
    let [count, _] = command.count.to_le_bytes();
    (lba, if count == 0 { 256 } else { count.into() })
}

/// 48 bits of address and a count of which 0 is 65536.
fn long(command: &TaskFile) -> (u64, u32) {
    (command.lba, if command.count == 0 { 0x1_0000 } else { command.count.into() })
}

/// The same, with the count where other commands have their features.
fn queued(command: &TaskFile) -> (u64, u32) {
    (command.lba, if command.features == 0 { 0x1_0000 } else { command.features.into() })
}
