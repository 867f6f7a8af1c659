//! SCSI units, whatever carries their commands, driven block by block.

pub mod virtio;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::interrupt::eventually;
use crate::pattern;

/// Bytes of data of one command at most.
pub const MAX_DATA: usize = 16384;

/// Why a command was not carried out.
#[derive(Debug)]
pub enum Failure {
    /// The unit says so: sense key, additional sense code and qualifier.
    Sense(u8, u8, u8),
    /// What carries its commands says so.
    Carrier(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sense(key, code, qualifier) => write!(f, "sense {key:02x}{code:02x}{qualifier:02x}"),
            Self::Carrier(reason) => f.write_str(reason),
        }
    }
}

/// What takes commands to a unit.
pub trait Carrier {
    /// A command with data that goes out, or that comes in; how many bytes came in.
    ///
    /// # Errors
    /// It was not carried out.
    fn execute(&mut self, cdb: &[u8], out: &[u8], room: &mut [u8]) -> Result<usize, Failure>;
    /// Interrupts that have come.
    fn interrupts(&self) -> u64;
    /// Bytes of data of one command at most.
    fn most(&self) -> usize {
        MAX_DATA
    }
}

/// A unit.
pub struct Unit<C> {
    /// What takes commands to it.
    pub carrier: C,
    block: usize,
    blocks: u64,
}

impl<C: Carrier> Unit<C> {
    /// The unit behind `carrier`, which may have things to say first, or no medium yet.
    pub fn new(carrier: C) -> Self {
        Self { carrier, block: 512, blocks: 0 }
    }

    /// Blocks and block size, once the unit is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn wait_until_ready(&mut self) -> Result<(u64, usize), String> {
        let mut last = String::new();
        let ready = eventually(|| match self.carrier.execute(&[0; 6], &[], &mut []) {
            Ok(_) => true,
            Err(failure) => {
                last = format!("not ready: {failure}");
                false
            }
        });
        if !ready {
            return Err(last);
        }
        let mut capacity = [0; 8];
        let cdb = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.carrier.execute(&cdb, &[], &mut capacity).map_err(|failure| format!("capacity: {failure}"))?;
        let [a, b, c, d, e, f, g, h] = capacity;
        self.blocks = u64::from(u32::from_be_bytes([a, b, c, d])) + 1;
        self.block = u32::from_be_bytes([e, f, g, h]) as usize;
        Ok((self.blocks, self.block))
    }

    /// Waits until a command that must fail does, with this sense.
    ///
    /// # Errors
    /// It does not.
    pub fn wait_for_sense(&mut self, wanted: (u8, u8, u8)) -> Result<(), String> {
        let mut last = String::from("ready");
        let found = eventually(|| match self.carrier.execute(&[0; 6], &[], &mut []) {
            Err(Failure::Sense(key, code, qualifier)) if (key, code, qualifier) == wanted => true,
            Err(failure) => {
                last = format!("{failure}");
                false
            }
            Ok(_) => false,
        });
        if found { Ok(()) } else { Err(last) }
    }

    /// The standard data's vendor and product.
    ///
    /// # Errors
    /// There are none.
    pub fn name(&mut self) -> Result<String, String> {
        let mut data = [0; 36];
        self.carrier
            .execute(&[0x12, 0, 0, 0, 36, 0], &[], &mut data)
            .map_err(|failure| format!("inquiry: {failure}"))?;
        let text: String = data[8..32].iter().map(|byte| char::from(*byte)).collect();
        Ok(text.split_whitespace().collect::<Vec<_>>().join("-"))
    }

    /// The page of the serial number.
    ///
    /// # Errors
    /// There is none.
    pub fn serial(&mut self) -> Result<String, String> {
        let mut data = [0; 64];
        let count = self.carrier.execute(&[0x12, 1, 0x80, 0, 64, 0], &[], &mut data);
        let count = count.map_err(|failure| format!("serial: {failure}"))?;
        Ok(data[..count].iter().skip(4).map(|byte| char::from(*byte)).collect())
    }

    /// Writes `count` blocks from `start` with the pattern of `seed`.
    ///
    /// # Errors
    /// A command fails.
    pub fn write(&mut self, start: u64, count: u64, seed: u64) -> Result<(), String> {
        self.in_commands(start, count, |unit, at, count| {
            let mut words = alloc::vec![0u64; count * unit.block / 8];
            pattern::fill(&mut words, at * unit.block as u64, seed);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            unit.carrier
                .execute(&transfer(0x2a, at, count), &bytes, &mut [])
                .map(|_| ())
                .map_err(|failure| format!("write at {at}: {failure}"))
        })
    }

    /// Reads `count` blocks from `start` and compares them with the pattern of `seed`.
    ///
    /// # Errors
    /// A command fails, or the data is another.
    pub fn verify(&mut self, start: u64, count: u64, seed: u64) -> Result<(), String> {
        self.read(start, count, |at, words| match pattern::first_difference(words, at, seed) {
            None => Ok(()),
            Some(index) => Err(format!("byte {} is {:#x}", at + index as u64 * 8, words[index])),
        })
    }

    /// Reads `count` blocks from `start`, which must be zeros.
    ///
    /// # Errors
    /// A command fails, or the data is another.
    pub fn verify_zeros(&mut self, start: u64, count: u64) -> Result<(), String> {
        self.read(start, count, |at, words| match words.iter().position(|word| *word != 0) {
            None => Ok(()),
            Some(index) => Err(format!("byte {} is not zero", at + index as u64 * 8)),
        })
    }

    fn read(
        &mut self,
        start: u64,
        count: u64,
        check: impl Fn(u64, &[u64]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.in_commands(start, count, |unit, at, count| {
            let mut bytes = alloc::vec![0xffu8; count * unit.block];
            let came = unit.carrier.execute(&transfer(0x28, at, count), &[], &mut bytes);
            let came = came.map_err(|failure| format!("read at {at}: {failure}"))?;
            if came != bytes.len() {
                return Err(format!("read at {at}: {came} bytes came"));
            }
            let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let words: Vec<u64> = bytes.chunks(8).map(word).collect();
            check(at * unit.block as u64, &words)
        })
    }

    fn in_commands(
        &mut self,
        start: u64,
        count: u64,
        mut each: impl FnMut(&mut Self, u64, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let most = (self.carrier.most() / self.block) as u64;
        let mut at = start;
        while at < start + count {
            let now = (start + count - at).min(most);
            each(self, at, now as usize)?;
            at += now;
        }
        Ok(())
    }

    /// UNMAP of one range.
    ///
    /// # Errors
    /// The unit's.
    pub fn unmap(&mut self, start: u64, count: u64) -> Result<(), String> {
        let mut list = alloc::vec![0, 22, 0, 16, 0, 0, 0, 0];
        list.extend_from_slice(&start.to_be_bytes());
        list.extend_from_slice(&(count as u32).to_be_bytes());
        list.extend_from_slice(&[0; 4]);
        let cdb = [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0];
        self.carrier.execute(&cdb, &list, &mut []).map(|_| ()).map_err(|failure| format!("unmap: {failure}"))
    }

    /// WRITE SAME of zeros.
    ///
    /// # Errors
    /// The unit's.
    pub fn zero(&mut self, start: u64, count: u64) -> Result<(), String> {
        let zeros = alloc::vec![0; self.block];
        let cdb = transfer(0x41, start, count as usize);
        self.carrier.execute(&cdb, &zeros, &mut []).map(|_| ()).map_err(|failure| format!("write same: {failure}"))
    }

    /// SYNCHRONIZE CACHE.
    ///
    /// # Errors
    /// The unit's.
    pub fn flush(&mut self) -> Result<(), String> {
        let cdb = transfer(0x35, 0, 0);
        self.carrier.execute(&cdb, &[], &mut []).map(|_| ()).map_err(|failure| format!("flush: {failure}"))
    }
}

/// A command of ten bytes with a block address and a count.
fn transfer(code: u8, at: u64, count: usize) -> [u8; 10] {
    let [a, b, c, d] = (at as u32).to_be_bytes();
    let [e, f] = (count as u16).to_be_bytes();
    [code, 0, a, b, c, d, 0, e, f, 0]
}
