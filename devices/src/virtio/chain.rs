//! The gate that every descriptor chain passes (VIRTIO 1.2 2.7.4 to 2.7.6, 2.7.13).
//!
//! A chain is read from guest memory exactly once and checked whole before a device sees any of it. What comes out are
//! two lists of ranges inside guest memory, as [`crate::buffers`]; the guard of the device-writable ones is dropped
//! before the chain is published as used.

pub use crate::buffers::{AccessError, Readable, Writable};

use crate::buffers::{Span, Spans};
use std::ops::Deref;
use thiserror::Error;
use virtio_queue::desc::{RawDescriptor, split::Descriptor};
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
            } else if writable.len() > 0 {
                return Err(ChainError::Order { index });
            } else {
                readable.push(span);
            }
            if !descriptor.has_next() {
                return Ok(Self {
                    head,
                    readable: Readable::new(memory.clone(), readable),
                    writable: Writable::new(memory.clone(), writable),
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

#[cfg(test)]
mod tests;
