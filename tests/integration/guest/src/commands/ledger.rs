//! `ledger=DISK,ROUND,flush|write` writes until the machine ends, and says what must survive a power failure; and
//! `audit=DISK,FIRST-LAST...` looks whether it did. DISK is the number of a virtio disk; `ledger` also takes `scsi:TARGET`
//! and `sata:PORT`.
//!
//! Round R writes one place, which follows from R alone, with a pattern that tells R. The guest says `kept R` when
//! everything up to R must survive: after a flush, or (`write`) after each write. Rounds only grow, so that a place holds
//! the last round that was kept there, or a later one.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Outcome, required, scsi};
use crate::ahci;
use crate::disk::{self, Disk};
use crate::pattern;
use crate::scsi::virtio::Target;
use crate::scsi::{Carrier, Unit};
use crate::serial::say;

/// FLUSH CACHE EXT (ACS-3 7.11).
const FLUSH_CACHE_EXT: u8 = 0xea;
/// Places on the disk, and sectors of each.
const PLACES: u64 = 4096;
const SECTORS: u64 = 8;
/// Bytes, and 64-bit words, of a sector.
const SECTOR: u64 = 512;
const WORDS: usize = 64;

/// A number that follows from `round`, and looks random (the finaliser of SplitMix64).
fn mixed(round: u64) -> u64 {
    let z = (round ^ round >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn place(round: u64) -> u64 {
    mixed(round) % PLACES
}

/// A disk on whatever bus.
trait Writable {
    /// Writes `sectors` from `start` with the pattern of `seed`.
    fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String>;
    fn flush(&mut self) -> Result<(), String>;
}

impl Writable for Disk {
    fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        Self::write(self, start, sectors, seed)
    }

    fn flush(&mut self) -> Result<(), String> {
        Self::flush(self)
    }
}

impl<C: Carrier> Writable for Unit<C> {
    fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        Self::write(self, start, sectors, seed)
    }

    fn flush(&mut self) -> Result<(), String> {
        Self::flush(self)
    }
}

impl Writable for ahci::disk::Disk {
    fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        Self::write(self, start, sectors, seed)
    }

    fn flush(&mut self) -> Result<(), String> {
        self.plain(FLUSH_CACHE_EXT, 0, 0, 0)
    }
}

/// Writes from round `first` on, for ever.
pub fn write(arguments: &str) -> Outcome {
    let mut parts = arguments.split(',');
    let name = parts.next().unwrap_or_default();
    let first = required(parts.next().unwrap_or_default())?;
    let flushes = match parts.next() {
        Some("flush") => true,
        Some("write") => false,
        other => return Err(format!("{other:?} is neither flush nor write")),
    };
    match name.split_once(':') {
        None => disk::with(required(name)? as usize, |disk| rounds(disk, first, flushes)),
        Some(("scsi", target)) => {
            let mut unit = Unit::new(Target::new(scsi::device()?, required(target)? as u8));
            unit.wait_until_ready()?;
            rounds(&mut unit, first, flushes)
        }
        Some(("sata", port)) => {
            let port = ahci::Port::open(required(port)?)?;
            rounds(&mut ahci::disk::Disk { port }, first, flushes)
        }
        Some(_) => Err(format!("no disk: {name:?}")),
    }
}

fn rounds(disk: &mut impl Writable, first: u64, flushes: bool) -> Outcome {
    for round in first.. {
        disk.write(place(round) * SECTORS, SECTORS, round)?;
        // A flush after one to eight writes.
        let flush = flushes && mixed(!round).is_multiple_of(4);
        if flush {
            disk.flush()?;
        }
        if flush || !flushes {
            say!("kept {round}");
        }
    }
    Ok(String::new())
}

/// The round that wrote the sector whose first byte is byte `offset` of the disk; `None`: it is not whole.
fn round_of(words: &[u64], offset: u64) -> Option<u64> {
    let round = pattern::seed(words[0], offset)?;
    pattern::first_difference(words, offset, round).is_none().then_some(round)
}

/// What is wrong with place `number`, whose last kept round is `kept`.
fn fault(disk: &mut Disk, number: u64, kept: u64) -> Result<Option<String>, String> {
    let start = number * SECTORS;
    let words = disk.read(start, SECTORS)?;
    for (sector, words) in (start..).zip(words.chunks_exact(WORDS)) {
        match round_of(words, sector * SECTOR) {
            Some(round) if round >= kept && place(round) == number => {}
            Some(round) => return Ok(Some(format!("sector={sector} kept={kept} found={round}"))),
            None => return Ok(Some(format!("sector={sector} kept={kept} found=none word={:#x}", words[0]))),
        }
    }
    Ok(None)
}

/// Compares the disk with what was kept.
pub fn audit(arguments: &str) -> Outcome {
    let mut parts = arguments.split(',');
    let index = required(parts.next().unwrap_or_default())?;
    let mut kept: Vec<u64> = vec![0; PLACES as usize];
    for range in parts {
        let (first, last) = range.split_once('-').ok_or_else(|| format!("no range: {range:?}"))?;
        for round in required(first)?..=required(last)? {
            kept[place(round) as usize] = round;
        }
    }
    disk::with(index as usize, |disk| {
        let (mut checked, mut lost, mut example) = (0, 0, String::from("none"));
        for (number, kept) in (0..).zip(kept).filter(|(_, kept)| *kept > 0) {
            checked += 1;
            if let Some(fault) = fault(disk, number, kept)? {
                lost += 1;
                example = fault;
            }
        }
        Ok(format!("disk={index} checked={checked} lost={lost} example: {example}"))
    })
}
