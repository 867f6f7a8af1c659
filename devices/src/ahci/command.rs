//! Commands in guest memory: the list, a command's table, and where its data is (AHCI 1.3.1, 4.2.2 and 4.2.3).
//!
//! Everything is read once. The table of data ranges is followed no further than the command has data.

use super::fis::{LENGTH, Sent};
use crate::buffers::{Readable, Span, Spans, Writable};
use crate::virtio::DeviceMemory;
use std::ops::Deref;
use thiserror::Error;
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory, GuestMemoryError, Permissions};

/// Bytes of an entry of the list, of one of the table of ranges, and of a command for a drive.
const HEADER: u64 = 32;
const RANGE: u64 = 16;
const PACKET: usize = 16;
/// Where the parts of a table are.
const AT_PACKET: u64 = 0x40;
const AT_RANGES: u64 = 0x80;
/// Where the count of transferred bytes is in an entry of the list.
const AT_TRANSFERRED: u64 = 4;
/// Tables begin at multiples of this.
const TABLE_ALIGNMENT: u64 = 0x80;
/// The length of a range, less one.
const RANGE_LENGTH: u32 = 0x3f_ffff;

/// What is wrong with a command.
#[derive(Debug, Error)]
pub(super) enum CommandError {
    /// Memory that is none.
    #[error("A command's table cannot be read")]
    Memory(#[source] GuestMemoryError),
    /// Data in memory that is none.
    #[error("A command has {length} bytes of data at {address:#x}, which is not guest memory")]
    NotMemory {
        /// Where.
        address: u64,
        /// How many.
        length: u32,
    },
}

/// A command, read from memory.
#[derive(Debug)]
pub(super) struct Command {
    /// Where its entry in the list is.
    header: GuestAddress,
    table: GuestAddress,
    ranges: u16,
    pub(super) fis: Sent,
    pub(super) packet: [u8; PACKET],
}

impl Command {
    /// Reads the command of `slot` (0 to 31) from the list at `list`.
    pub(super) fn read<M: GuestMemory + ?Sized>(memory: &M, list: u64, slot: u32) -> Result<Self, CommandError> {
        let header = at(list, u64::from(slot) * HEADER)?;
        let words: [u32; 4] = memory.read_obj(header).map_err(CommandError::Memory)?;
        let [flags, _, low, high] = words.map(u32::from_le);
        let table = GuestAddress((u64::from(high) << 32 | u64::from(low)) & !(TABLE_ALIGNMENT - 1));
        let mut fis = [0; LENGTH];
        memory.read_slice(&mut fis, table).map_err(CommandError::Memory)?;
        let mut packet = [0; PACKET];
        memory.read_slice(&mut packet, at(table.raw_value(), AT_PACKET)?).map_err(CommandError::Memory)?;
        let [_, _, c, d] = flags.to_le_bytes();
        Ok(Self { header, table, ranges: u16::from_le_bytes([c, d]), fis: Sent::parse(&fis), packet })
    }

    /// Where its first `length` bytes of data are; there may be fewer.
    pub(super) fn spans<M: GuestMemory + ?Sized>(
        &self,
        memory: &M,
        length: u32,
        access: Permissions,
    ) -> Result<Spans, CommandError> {
        let mut spans = Spans::default();
        for index in 0..u64::from(self.ranges) {
            let left = length - spans.len();
            if left == 0 {
                break;
            }
            let entry = at(self.table.raw_value(), AT_RANGES + index * RANGE)?;
            let words: [u32; 4] = memory.read_obj(entry).map_err(CommandError::Memory)?;
            let [low, high, _, count] = words.map(u32::from_le);
            let address = GuestAddress(u64::from(high) << 32 | u64::from(low));
            let length = ((count & RANGE_LENGTH) + 1).min(left);
            let wraps = address.checked_add(u64::from(length) - 1).is_none();
            if wraps || !memory.check_range(address, length as usize, access) {
                return Err(CommandError::NotMemory { address: address.raw_value(), length });
            }
            spans.push(Span { address, length });
        }
        Ok(spans)
    }

    /// What it sends, up to `length` bytes.
    pub(super) fn readable<T>(&self, memory: &T, length: u32) -> Result<Readable<T>, CommandError>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        Ok(Readable::new(memory.clone(), self.spans(&**memory, length, Permissions::Read)?))
    }

    /// The room that it has, up to `length` bytes.
    pub(super) fn writable<T>(&self, memory: &T, length: u32) -> Result<Writable<T>, CommandError>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        Ok(Writable::new(memory.clone(), self.spans(&**memory, length, Permissions::Write)?))
    }

    /// The place of the count of bytes that were transferred.
    pub(super) fn transferred_at(&self) -> GuestAddress {
        GuestAddress(self.header.raw_value().saturating_add(AT_TRANSFERRED))
    }
}

/// A place in memory; none is at the very end of all addresses.
fn at(base: u64, offset: u64) -> Result<GuestAddress, CommandError> {
    let address = base.checked_add(offset);
    address.map(GuestAddress).ok_or(CommandError::NotMemory { address: base, length: 0 })
}

/// Guest memory, as one command sees it.
pub(super) type View<M> = <M as vm_memory::GuestAddressSpace>::T;

/// Takes the view.
pub(super) fn view<M: DeviceMemory>(memory: &M) -> View<M> {
    memory.memory()
}
