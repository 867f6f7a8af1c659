//! The gate that every descriptor chain passes (VIRTIO 1.2 2.7.4 to 2.7.6, 2.7.13).
//!
//! A chain is read from guest memory exactly once and checked whole before a device sees any of it. What comes out are
//! two lists of ranges inside guest memory. Only here do ranges become something the kernel can use, and the
//! device-writable ones are a guard: bytes written by us are marked dirty as they are written, bytes given to the kernel
//! when the guard is dropped, which is before the chain is published as used.

use crate::io::{Sink, Source};
use std::ops::{Deref, Range};
use thiserror::Error;
use virtio_queue::desc::{RawDescriptor, split::Descriptor};
use vm_memory::bitmap::Bitmap;
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory, GuestMemoryError, Permissions};

/// Descriptors of an indirect table. A driver must keep to the queue's size, but Linux has tables that are longer than
/// a queue it made small; this is what other devices take.
const MAX_INDIRECT: u16 = 1024;
const DESCRIPTOR_SIZE: u32 = 16;

/// What is wrong with a chain. The driver broke the ring: its device needs a reset.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The head or a `next` field is beyond the table.
    #[error("Descriptor {index} does not exist: the queue has {size}")]
    NoSuchDescriptor {
        /// The index.
        index: u16,
        /// Descriptors in the table.
        size: u16,
    },
    /// The chain has more descriptors than the table, so it loops.
    #[error("The chain at descriptor {head} loops")]
    Loop {
        /// Where the chain starts.
        head: u16,
    },
    /// VIRTIO 1.2 2.7.5.3: only where negotiated, not inside another table, and as the last of its chain.
    #[error("Descriptor {index} refers to an indirect table, which it may not")]
    Indirect {
        /// The descriptor.
        index: u16,
    },
    /// VIRTIO 1.2 2.7.5.3: whole descriptors, at least one and at most 1024.
    #[error(
        "Descriptor {index} refers to an indirect table of {length} bytes, which is not 1 to {MAX_INDIRECT} descriptors"
    )]
    IndirectLength {
        /// The descriptor.
        index: u16,
        /// Bytes of the table.
        length: u32,
    },
    /// A driver that has nothing to pass must leave the descriptor out.
    #[error("Descriptor {index} is empty")]
    Empty {
        /// The descriptor.
        index: u16,
    },
    /// VIRTIO 1.2 2.7.4.2: readable descriptors come first.
    #[error("Descriptor {index} is device-readable but follows a device-writable one")]
    Order {
        /// The descriptor.
        index: u16,
    },
    /// The range wraps or is not memory.
    #[error("Descriptor {index} covers {length} bytes at {address:#x}, which is not guest memory")]
    NotMemory {
        /// The descriptor.
        index: u16,
        /// Its address.
        address: u64,
        /// Its length in bytes.
        length: u32,
    },
    /// VIRTIO 1.2 2.7.5: a chain has at most 2^32 bytes; we stop one short, so that every length fits 32 bits.
    #[error("The chain at descriptor {head} has 4 GiB or more")]
    TooLong {
        /// Where the chain starts.
        head: u16,
    },
    /// The descriptor itself could not be read.
    #[error("Descriptor {index} cannot be read")]
    Unreadable {
        /// The descriptor.
        index: u16,
        /// What guest memory said.
        #[source]
        source: GuestMemoryError,
    },
}

/// Why bytes of a checked chain cannot be used.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The device asked for more than the driver gave.
    #[error("Bytes {offset} to {end} are beyond the {length} bytes of the chain")]
    BeyondEnd {
        /// First byte asked for.
        offset: u32,
        /// End of what was asked for.
        end: u64,
        /// What there is.
        length: u32,
    },
    /// Guest memory refuses, which an IOMMU may do at any time.
    #[error("Guest memory of the chain cannot be accessed")]
    Memory(#[source] GuestMemoryError),
}

/// One range of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    address: GuestAddress,
    length: u32,
}

/// A chain that has been checked.
pub struct Chain<T: Deref<Target: GuestMemory>> {
    head: u16,
    /// What the driver passes to the device.
    pub readable: Readable<T>,
    /// Where the device answers.
    pub writable: Writable<T>,
}

impl<T> Chain<T>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    /// Reads and checks the chain that starts at `head` of the table of `size` descriptors at `table`. With `indirect`
    /// (VIRTIO_F_INDIRECT_DESC) it may go on in another table.
    ///
    /// # Errors
    /// The driver broke a rule.
    pub(super) fn walk(
        memory: &T,
        table: GuestAddress,
        size: u16,
        head: u16,
        indirect: bool,
    ) -> Result<Self, ChainError> {
        let mut readable = Spans::default();
        let mut writable = Spans::default();
        let mut total: u32 = 0;
        let (mut table, mut index, mut may_be_indirect) = (Table { address: table, size }, head, indirect);
        let mut left = size;
        while left > 0 {
            left -= 1;
            let descriptor = table.fetch(&**memory, index)?;
            if descriptor.refers_to_indirect_table() {
                if !may_be_indirect || descriptor.has_next() {
                    return Err(ChainError::Indirect { index });
                }
                table = Table::indirect(&descriptor, index)?;
                (left, index, may_be_indirect) = (table.size, 0, false);
                continue;
            }
            let span = check(&**memory, &descriptor, index)?;
            total = total.checked_add(span.length).ok_or(ChainError::TooLong { head })?;
            if descriptor.is_write_only() {
                writable.push(span);
            } else if writable.length > 0 {
                return Err(ChainError::Order { index });
            } else {
                readable.push(span);
            }
            if !descriptor.has_next() {
                return Ok(Self {
                    head,
                    readable: Readable { memory: memory.clone(), spans: readable },
                    writable: Writable { memory: memory.clone(), spans: writable, given: None },
                });
            }
            index = descriptor.next();
        }
        Err(ChainError::Loop { head })
    }

    /// The descriptor the chain starts at: what the used ring names.
    pub fn head(&self) -> u16 {
        self.head
    }
}

/// Descriptors in guest memory: a queue's, or those that one of them refers to.
struct Table {
    address: GuestAddress,
    size: u16,
}

impl Table {
    /// The table that `descriptor` (number `index`) refers to; which side it is for says each of its own descriptors.
    fn indirect(descriptor: &Descriptor, index: u16) -> Result<Self, ChainError> {
        let length = descriptor.len();
        let size = u16::try_from(length / DESCRIPTOR_SIZE).unwrap_or(u16::MAX);
        if !length.is_multiple_of(DESCRIPTOR_SIZE) || size == 0 || size > MAX_INDIRECT {
            return Err(ChainError::IndirectLength { index, length });
        }
        Ok(Self { address: descriptor.addr(), size })
    }

    /// Reads descriptor `index`.
    fn fetch<M: GuestMemory + ?Sized>(&self, memory: &M, index: u16) -> Result<Descriptor, ChainError> {
        let size = self.size;
        if index >= size {
            return Err(ChainError::NoSuchDescriptor { index, size });
        }
        let offset = u64::from(index) * u64::from(DESCRIPTOR_SIZE);
        let address = self.address.checked_add(offset).ok_or(ChainError::NoSuchDescriptor { index, size })?;
        let raw: RawDescriptor = memory.read_obj(address).map_err(|source| ChainError::Unreadable { index, source })?;
        Ok(Descriptor::from(raw))
    }
}

/// Checks one descriptor by itself.
fn check<M: GuestMemory + ?Sized>(memory: &M, descriptor: &Descriptor, index: u16) -> Result<Span, ChainError> {
    let (address, length) = (descriptor.addr(), descriptor.len());
    if length == 0 {
        return Err(ChainError::Empty { index });
    }
    let access = if descriptor.is_write_only() { Permissions::Write } else { Permissions::Read };
    let wraps = address.checked_add(u64::from(length) - 1).is_none();
    if wraps || !memory.check_range(address, length as usize, access) {
        return Err(ChainError::NotMemory { index, address: address.raw_value(), length });
    }
    Ok(Span { address, length })
}

/// Ranges in chain order. Their lengths add up to less than 2^32.
#[derive(Debug, Default)]
struct Spans {
    list: Vec<Span>,
    length: u32,
}

impl Spans {
    fn push(&mut self, span: Span) {
        self.list.push(span);
        self.length += span.length; // the caller has checked the sum
    }

    /// The ranges of `count` bytes from `offset` on.
    fn cut(&self, offset: u32, count: usize) -> Result<impl Iterator<Item = (GuestAddress, usize)> + '_, AccessError> {
        let end = u64::from(offset).saturating_add(count as u64);
        if end > u64::from(self.length) {
            return Err(AccessError::BeyondEnd { offset, end, length: self.length });
        }
        let mut position: u64 = 0;
        Ok(self.list.iter().filter_map(move |span| {
            let start = position;
            position += u64::from(span.length);
            let from = u64::from(offset).max(start);
            let to = end.min(position);
            // No overflow and no truncation: both lie inside the span, whose 32-bit length is known to fit.
            #[allow(clippy::cast_possible_truncation)]
            (from < to).then(|| (span.address.unchecked_add(from - start), (to - from) as usize))
        }))
    }
}

/// The device-readable part of a chain.
pub struct Readable<T> {
    memory: T,
    spans: Spans,
}

impl<T> Readable<T>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    /// Bytes in all.
    pub fn len(&self) -> u32 {
        self.spans.length
    }

    /// The driver passes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes from `offset` on into `data`.
    ///
    /// # Errors
    /// There are fewer, or guest memory refuses.
    pub fn read(&self, offset: u32, data: &mut [u8]) -> Result<(), AccessError> {
        let mut rest = data;
        for (address, length) in self.spans.cut(offset, rest.len())? {
            let (now, later) = rest.split_at_mut(length);
            self.memory.read_slice(now, address).map_err(AccessError::Memory)?;
            rest = later;
        }
        Ok(())
    }

    /// `count` bytes from `offset` on, for the kernel to read.
    ///
    /// # Errors
    /// There are fewer, or guest memory refuses.
    pub fn source(&self, offset: u32, count: u32) -> Result<Source, AccessError> {
        Source::new(self.memory.clone(), self.spans.cut(offset, count as usize)?).map_err(AccessError::Memory)
    }
}

/// The device-writable part of a chain: a guard that leaves no written byte unmarked.
pub struct Writable<T: Deref<Target: GuestMemory>> {
    memory: T,
    spans: Spans,
    /// What the kernel may have written: marked dirty by `drop`.
    given: Option<Range<u32>>,
}

impl<T> Writable<T>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    /// Bytes in all.
    pub fn len(&self) -> u32 {
        self.spans.length
    }

    /// The driver left no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `data` to the bytes from `offset` on, marking them dirty.
    ///
    /// # Errors
    /// There is less room, or guest memory refuses.
    pub fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), AccessError> {
        let mut rest = data;
        for (address, length) in self.spans.cut(offset, rest.len())? {
            let (now, later) = rest.split_at(length);
            self.memory.write_slice(now, address).map_err(AccessError::Memory)?;
            rest = later;
        }
        Ok(())
    }

    /// `count` bytes from `offset` on, for the kernel to write until the operation completes. All of them are marked
    /// dirty when this guard goes, whatever the operation answers: even a failed one may have written.
    ///
    /// # Errors
    /// There is less room, or guest memory refuses.
    pub fn sink(&mut self, offset: u32, count: u32) -> Result<Sink, AccessError> {
        let sink =
            Sink::new(self.memory.clone(), self.spans.cut(offset, count as usize)?).map_err(AccessError::Memory)?;
        // `cut` has checked that the end is inside the chain, and so fits.
        let end = offset.saturating_add(count);
        self.given = Some(match self.given.take() {
            None => offset..end,
            Some(before) => before.start.min(offset)..before.end.max(end),
        });
        Ok(sink)
    }
}

impl<T: Deref<Target: GuestMemory>> Drop for Writable<T> {
    fn drop(&mut self) {
        let Some(given) = self.given.take() else { return };
        let Ok(ranges) = self.spans.cut(given.start, given.len()) else { return };
        for (address, length) in ranges {
            // What cannot be reached any more needs no mark: nobody will copy it.
            let Ok(slices) = self.memory.get_slices(address, length, Permissions::Write) else { continue };
            for slice in slices.flatten() {
                slice.bitmap().mark_dirty(0, slice.len());
            }
        }
    }
}

#[cfg(test)]
mod tests;
