//! A flash chip of 8 bits with Intel's command set (JEDEC JEP137 command set 1; CFI, JESD68), as firmware keeps its code
//! and its variables in it.
//!
//! The guest reads the array straight from memory until its first command; from then on each read comes here. After the
//! command "read array" some reads of a chip that can be written still do, until as many came as one change of the
//! mapping is worth: firmware writes a variable in several steps, and each goes back to the array. Who maps the array is
//! told of every change ([`FlashHost`]).
//!
//! ```text
//!             70, 90, 98                     10, 40: the next byte is programmed
//!   ┌───────┐ ─────────► ┌──────────────────┐ ─────────► ┌─────────┐
//!   │ Array │            │ Status, Id, Query│ ◄───────── │ Program │
//!   └───────┘ ◄───────── └──────────────────┘   a byte   └─────────┘
//!      50, ff, unknown          ▲     │ 20
//!                      d0: erased     ▼
//!                      else: error  ┌───────┐
//!                          └─────── │ Erase │   (ff: Array)
//!                                   └───────┘
//! ```
//!
//! Work is done when the command is given: no status is ever "busy". As on the chip, programming only clears bits, and
//! only an erase sets those of a block.

mod identification;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use state::FlashState;

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::state::{Section, StateError};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;
use vm_memory::{Bytes, MemoryRegionAddress};

/// Bytes of a block: what OVMF takes a block to be.
pub const BLOCK_SIZE: u64 = 4096;
/// The largest chip: what there is room for below 4 GiB.
const MAX_SIZE: u64 = 16 << 20;
/// What an erased byte reads.
const ERASED: u8 = 0xff;
const ERASED_BLOCK: [u8; 4096] = [ERASED; 4096];
const _: () = assert!(BLOCK_SIZE == ERASED_BLOCK.len() as u64);

/// How many reads of the array come here before it is mapped again. Two changes of memory slots, each of which holds all
/// vCPUs and empties their page tables, cost as much as some dozen reads; OVMF reads little between two writes.
const READS_BEFORE_SHOWN: u32 = 64;

/// Commands; any other means "read array".
mod command {
    pub(super) const PROGRAM: u8 = 0x10;
    pub(super) const PROGRAM_ALTERNATE: u8 = 0x40;
    pub(super) const ERASE: u8 = 0x20;
    pub(super) const CONFIRM: u8 = 0xd0;
    pub(super) const CLEAR_STATUS: u8 = 0x50;
    pub(super) const READ_STATUS: u8 = 0x70;
    pub(super) const READ_ID: u8 = 0x90;
    pub(super) const QUERY: u8 = 0x98;
    pub(super) const READ_ARRAY: u8 = 0xff;
}

bitflags! {
    /// The status register. "Ready" goes with the others when they are cleared, and comes back with the next program or
    /// erase: OVMF takes a cleared status of zero as the sign of a flash chip.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Status: u8 {
        const PROTECTED = 1 << 1;
        const PROGRAM_FAILED = 1 << 4;
        const ERASE_FAILED = 1 << 5;
        const READY = 1 << 7;
    }
}

/// What reads find and writes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    Array,
    Status,
    Id,
    Query,
    Program,
    Erase,
}

/// Who maps the array into the guest, and keeps what the guest writes.
pub trait FlashHost: Send + Sync {
    /// Lets the guest read the array itself (`true`), or lets every read come to the chip. Called on the thread of the
    /// vCPU that gave the command; when it returns, every vCPU's next read goes the new way.
    fn show_array(&self, shown: bool);
    /// The guest has changed the array, and is done with it for now.
    fn save(&self, contents: &[u8]);
}

/// Why there can be no such chip.
#[derive(Debug, Error)]
pub enum FlashError {
    /// Its size is none of a chip.
    #[error("Flash {device} would have {size} bytes: it needs whole blocks of 4096 bytes, and at most 16 MiB")]
    Size {
        /// The chip.
        device: DeviceId,
        /// Its bytes.
        size: u64,
    },
    /// Its state does not fit.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The chip, whose array is the memory `A`.
pub struct Flash<A> {
    id: DeviceId,
    array: Arc<A>,
    size: u64,
    writable: bool,
    host: Arc<dyn FlashHost>,
    mode: Mode,
    status: Status,
    /// The array has changes that the host was not told of.
    changed: bool,
    /// The guest reads the array itself.
    shown: bool,
    /// Reads of the array that came here since it was last changed to.
    reads: u32,
    limit: LogLimit,
}

impl<A: Bytes<MemoryRegionAddress> + Send + Sync> Flash<A> {
    /// A chip of `size` bytes in `state`, or as after power-on: the guest reads the array. One that is not `writable`
    /// refuses to be programmed. Of a chip that is, the state has the array's contents, too.
    ///
    /// # Errors
    /// The size is not whole blocks or more than a chip's, or the state does not fit.
    pub fn new(
        id: DeviceId,
        array: Arc<A>,
        size: u64,
        writable: bool,
        host: Arc<dyn FlashHost>,
        state: Option<FlashState>,
    ) -> Result<Self, FlashError> {
        if size == 0 || size > MAX_SIZE || !size.is_multiple_of(BLOCK_SIZE) {
            return Err(FlashError::Size { device: id, size });
        }
        let mut flash = Self {
            id,
            array,
            size,
            writable,
            host,
            mode: Mode::Array,
            status: Status::READY,
            changed: false,
            shown: true,
            reads: 0,
            limit: LogLimit::default(),
        };
        if let Some(state) = state {
            state.restore(&mut flash)?;
        }
        flash.shown = flash.mode == Mode::Array;
        flash.host.show_array(flash.shown);
        Ok(flash)
    }

    /// Mode, status, and the contents of a chip that can be written.
    ///
    /// # Errors
    /// The array cannot be read, or the state not be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &FlashState::of(self)?)
    }

    /// Hands changes over that the guest has not ended by reading the array: the machine ends.
    pub fn flush(&mut self) {
        if std::mem::take(&mut self.changed) {
            match self.contents() {
                Some(contents) => self.host.save(&contents),
                None => self.log("The contents cannot be read, and are not saved"),
            }
        }
    }

    /// The whole array.
    fn contents(&self) -> Option<Vec<u8>> {
        let mut contents = vec![0; usize::try_from(self.size).ok()?];
        self.array.read_slice(&mut contents, MemoryRegionAddress(0)).ok()?;
        Some(contents)
    }

    fn enter(&mut self, mode: Mode) {
        self.mode = mode;
        if mode == Mode::Array {
            self.reads = 0;
            // Code runs from the array: what a processor fetches does not come here.
            if !self.writable && !self.shown {
                self.show(true);
            }
            self.flush();
        } else if self.shown {
            self.show(false);
        }
    }

    fn show(&mut self, shown: bool) {
        self.shown = shown;
        self.host.show_array(shown);
    }

    /// Notes that a read came here: the array is mapped again when there were enough of it.
    fn count_read(&mut self) {
        if self.mode == Mode::Array && !self.shown {
            self.reads += 1;
            if self.reads >= READS_BEFORE_SHOWN {
                self.show(true);
            }
        }
    }

    fn write_byte(&mut self, offset: u64, byte: u8) {
        match self.mode {
            Mode::Program => {
                self.program(offset, byte);
                self.enter(Mode::Status);
            }
            Mode::Erase => match byte {
                command::CONFIRM => {
                    self.erase(offset);
                    self.enter(Mode::Status);
                }
                command::READ_ARRAY => self.enter(Mode::Array),
                _ => {
                    self.status |= Status::READY | Status::PROGRAM_FAILED | Status::ERASE_FAILED;
                    self.enter(Mode::Status);
                }
            },
            Mode::Array | Mode::Status | Mode::Id | Mode::Query => self.command(byte),
        }
    }

    fn command(&mut self, command: u8) {
        let mode = match command {
            command::PROGRAM | command::PROGRAM_ALTERNATE => Mode::Program,
            command::ERASE => Mode::Erase,
            command::READ_STATUS => Mode::Status,
            command::READ_ID => Mode::Id,
            command::QUERY => Mode::Query,
            command::CLEAR_STATUS => {
                self.status = Status::empty();
                Mode::Array
            }
            _ => Mode::Array,
        };
        self.enter(mode);
    }

    fn program(&mut self, offset: u64, byte: u8) {
        let old = self.array.read_obj::<u8>(MemoryRegionAddress(offset)).unwrap_or(byte);
        let done = self.writable && self.array.write_obj(old & byte, MemoryRegionAddress(offset)).is_ok();
        self.finish(done, Status::PROGRAM_FAILED);
    }

    fn erase(&mut self, offset: u64) {
        let start = offset - offset % BLOCK_SIZE;
        let done = self.writable && self.array.write_slice(&ERASED_BLOCK, MemoryRegionAddress(start)).is_ok();
        self.finish(done, Status::ERASE_FAILED);
    }

    fn finish(&mut self, done: bool, failure: Status) {
        self.status |= Status::READY;
        if done {
            self.changed = true;
        } else {
            self.status |= failure | Status::PROTECTED;
            self.log("The guest wants to change a chip that cannot be written");
        }
    }

    fn read_byte(&self, offset: u64) -> u8 {
        match self.mode {
            // A vCPU may have come here just before the array was mapped.
            Mode::Array => self.array.read_obj(MemoryRegionAddress(offset)).unwrap_or(ERASED),
            Mode::Status | Mode::Program | Mode::Erase => self.status.bits(),
            Mode::Id => identification::id(offset),
            Mode::Query => identification::query(offset, self.size),
        }
    }

    fn log(&self, what: &str) {
        if let Some(swallowed) = self.limit.allow() {
            tracing::warn!(device = %self.id, swallowed, "{what}");
        }
    }
}

impl<A: Bytes<MemoryRegionAddress> + Send + Sync> BusDeviceMut for Flash<A> {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        let value = read_bytes(width, |position| self.read_byte(offset + position));
        self.count_read();
        value
    }

    /// A wider write is one of each byte after the other, as the chip's bus has 8 bits.
    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| self.write_byte(offset + position, byte));
    }
}
