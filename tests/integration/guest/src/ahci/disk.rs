//! A SATA disk.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Port, SLOT_DATA, SLOTS, Task};
use crate::pattern;

const SECTOR: usize = 512;
const MOST: u64 = (SLOT_DATA / SECTOR) as u64;

/// A disk on a port.
pub struct Disk {
    pub port: Port,
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl Disk {
    fn command(&mut self, task: Task) -> Result<(), String> {
        self.port.put(0, task, &[]);
        match self.port.issue(1, false) {
            Ok(()) => Ok(()),
            Err((status, error)) => {
                self.port.start()?;
                Err(format!("command {:#x}: status {status:#x} error {error:#x}", task.command))
            }
        }
    }

    /// IDENTIFY DEVICE.
    ///
    /// # Errors
    /// The disk's.
    pub fn identify(&mut self) -> Result<Vec<u8>, String> {
        self.command(Task { command: 0xec, lba: 0, count: 0, features: 0, length: 512 })?;
        Ok(self.port.data(0, 512))
    }

    /// Sends a command without data.
    ///
    /// # Errors
    /// The disk's.
    pub fn plain(&mut self, command: u8, lba: u64, count: u16, features: u16) -> Result<(), String> {
        self.command(Task { command, lba, count, features, length: 0 })
    }

    /// Writes `sectors` from `start` with the pattern of `seed`.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        let mut at = start;
        while at < start + sectors {
            let count = (start + sectors - at).min(MOST);
            let mut words = alloc::vec![0u64; count as usize * SECTOR / 8];
            pattern::fill(&mut words, at * SECTOR as u64, seed);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.port.set_data(0, &bytes);
            self.command(Task { command: 0x35, lba: at, count: count as u16, features: 0, length: bytes.len() })?;
            at += count;
        }
        Ok(())
    }

    /// Reads `sectors` from `start` by `command` and compares them with the pattern of `seed`.
    ///
    /// # Errors
    /// The disk's, or the data is another.
    pub fn verify(&mut self, command: u8, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        let mut at = start;
        while at < start + sectors {
            let count = (start + sectors - at).min(MOST);
            let length = count as usize * SECTOR;
            self.command(Task { command, lba: at, count: count as u16, features: 0, length })?;
            self.compare(0, at, length, seed)?;
            at += count;
        }
        Ok(())
    }

    /// The same by queued commands, as many as there are slots at a time.
    ///
    /// # Errors
    /// The disk's, or the data is another.
    pub fn verify_queued(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        let mut at = start;
        while at < start + sectors {
            let mut batch = Vec::new();
            while at < start + sectors && batch.len() < SLOTS {
                let count = (start + sectors - at).min(MOST);
                let (slot, length) = (batch.len(), count as usize * SECTOR);
                let tag = (slot as u16) << 3;
                self.port.put(slot, Task { command: 0x60, lba: at, count: tag, features: count as u16, length }, &[]);
                batch.push((at, length));
                at += count;
            }
            if let Err((status, error)) = self.port.issue((1 << batch.len()) - 1, true) {
                self.port.start()?;
                return Err(format!("queued read: status {status:#x} error {error:#x}"));
            }
            for (slot, (at, length)) in batch.into_iter().enumerate() {
                self.compare(slot, at, length, seed)?;
            }
        }
        Ok(())
    }

    fn compare(&mut self, slot: usize, at: u64, length: usize, seed: u64) -> Result<(), String> {
        let words: Vec<u64> = self.port.data(slot, length).chunks(8).map(word).collect();
        match pattern::first_difference(&words, at * SECTOR as u64, seed) {
            None => Ok(()),
            Some(index) => Err(format!("byte {} is {:#x}", at * SECTOR as u64 + index as u64 * 8, words[index])),
        }
    }

    /// TRIM of one range.
    ///
    /// # Errors
    /// The disk's.
    pub fn trim(&mut self, start: u64, sectors: u64) -> Result<(), String> {
        let mut list = alloc::vec![0; 512];
        list.splice(0..8, (start | sectors << 48).to_le_bytes());
        self.port.set_data(0, &list);
        self.command(Task { command: 0x06, lba: 0, count: 1, features: 1, length: 512 })
    }
}
