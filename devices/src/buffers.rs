//! Buffers in guest memory that a driver gave to a device: by a descriptor chain of virtio, or by a table of its own.
//!
//! Who makes one has checked that its ranges are guest memory. Only here do ranges become something the kernel can use,
//! and the device-writable ones are a guard: bytes written by us are marked dirty as they are written, bytes given to the
//! kernel when the guard is dropped.

use crate::io::{Sink, Source};
use std::ops::{Deref, Range};
use thiserror::Error;
use vm_memory::bitmap::Bitmap;
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory, GuestMemoryError, Permissions};

/// One range of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) address: GuestAddress,
    pub(crate) length: u32,
}

/// Why bytes of a buffer cannot be used.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The device asked for more than the driver gave.
    #[error("Bytes {offset} to {end} are beyond the {length} bytes of the buffer")]
    BeyondEnd {
        /// First byte asked for.
        offset: u32,
        /// End of what was asked for.
        end: u64,
        /// What there is.
        length: u32,
    },
    /// Guest memory refuses, which an IOMMU may do at any time.
    #[error("Guest memory of the buffer cannot be accessed")]
    Memory(#[source] GuestMemoryError),
}

/// Ranges in the driver's order. Their lengths add up to less than 2^32.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    list: Vec<Span>,
    length: u32,
}

impl Spans {
    /// Appends a range. The caller has checked the sum of the lengths.
    pub(crate) fn push(&mut self, span: Span) {
        self.list.push(span);
        self.length += span.length;
    }

    /// The ranges.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Span> {
        self.list.iter()
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    /// The ranges of `count` bytes from `offset` on.
    pub(crate) fn cut(
        &self,
        offset: u32,
        count: usize,
    ) -> Result<impl Iterator<Item = (GuestAddress, usize)> + '_, AccessError> {
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

/// What the driver passes to the device.
pub struct Readable<T> {
    memory: T,
    pub(crate) spans: Spans,
}

impl<T> Readable<T>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    /// `spans`, which are device-readable memory.
    pub(crate) fn new(memory: T, spans: Spans) -> Self {
        Self { memory, spans }
    }

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

    /// The `count` bytes from `offset` on, `times` times, for the kernel to read.
    ///
    /// # Errors
    /// There are fewer, or guest memory refuses.
    pub(crate) fn repeated(&self, offset: u32, count: u32, times: u32) -> Result<Source, AccessError> {
        let once: Vec<_> = self.spans.cut(offset, count as usize)?.collect();
        let ranges = (0..times).flat_map(|_| once.iter().copied());
        Source::new(self.memory.clone(), ranges).map_err(AccessError::Memory)
    }
}

/// Where the device answers: a guard that leaves no written byte unmarked.
pub struct Writable<T: Deref<Target: GuestMemory>> {
    memory: T,
    pub(crate) spans: Spans,
    /// What the kernel may have written: marked dirty by `drop`.
    given: Option<Range<u32>>,
}

impl<T> Writable<T>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    /// `spans`, which are device-writable memory.
    pub(crate) fn new(memory: T, spans: Spans) -> Self {
        Self { memory, spans, given: None }
    }

    /// Bytes in all.
    pub fn len(&self) -> u32 {
        self.spans.length
    }

    /// The driver left no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its ranges, in the driver's order.
    pub fn ranges(&self) -> impl Iterator<Item = (GuestAddress, u32)> + '_ {
        self.spans.iter().map(|span| (span.address, span.length))
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
        // `cut` has checked that the end is inside the buffer, and so fits.
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
