//! A piece of guest memory at a guest address.

use super::dirty::DirtyBitmap;
use super::layout;
use super::mapping::{Mapping, MappingError, host_bytes};
use crate::config::Backing;
use std::ops::Range;
use std::sync::Arc;
use vm_memory::bitmap::{BS, Bitmap};
use vm_memory::{
    FileOffset, GuestAddress, GuestMemoryError, GuestMemoryRegion, GuestMemoryRegionBytes, GuestUsize,
    MemoryRegionAddress, VolatileSlice,
};

/// RAM (or the pages of a ROM) at a guest address, as devices see it.
#[derive(Debug)]
pub(crate) struct RamRegion {
    start: GuestAddress,
    mapping: Mapping,
    dirty: DirtyBitmap,
    /// The memfd, in vm-memory's words.
    file: Option<FileOffset>,
}

impl RamRegion {
    /// `range` of guest addresses, full of zeros.
    ///
    /// # Errors
    /// The range is not whole pages, or empty, or more than the host can map.
    pub(crate) fn new(range: Range<u64>, backing: Backing) -> Result<Self, MappingError> {
        let mapping = Mapping::new(backing, range.start, range.end.saturating_sub(range.start))?;
        let dirty = DirtyBitmap::new(host_bytes(mapping.len()));
        let file = mapping.file().map(|file| FileOffset::from_arc(Arc::clone(file), 0));
        Ok(Self { start: GuestAddress(range.start), mapping, dirty, file })
    }

    /// All RAM of a machine with `size` bytes, placed by [`layout::ram_ranges`].
    ///
    /// # Errors
    /// `size` is not whole pages, or zero, or more than the host can map.
    pub(crate) fn ram(size: u64, backing: Backing) -> Result<Vec<Arc<Self>>, MappingError> {
        let regions = layout::ram_ranges(size).into_iter().map(|range| Self::new(range, backing).map(Arc::new));
        regions.collect::<Result<_, _>>().map_err(|error| match error {
            MappingError::TooLarge { source, .. } => MappingError::TooLarge { size, source },
            MappingError::NoHugePages { page, source, .. } => MappingError::NoHugePages { size, page, source },
            other => other,
        })
    }

    /// The guest addresses.
    pub(crate) fn range(&self) -> Range<u64> {
        // Cannot overflow: RamRegion::new got this range.
        self.start.0..self.start.0 + self.mapping.len()
    }

    /// The pages.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The bitmap itself, for those who switch and harvest it.
    pub(crate) fn dirty(&self) -> &DirtyBitmap {
        &self.dirty
    }

    /// Gives the pages of `range` (offsets in the region) back to the host; they read zero afterwards.
    ///
    /// # Errors
    /// The range is not whole pages, not inside the region, or the system refused.
    pub(crate) fn discard(&self, range: Range<u64>) -> Result<(), MappingError> {
        let Range { start, end } = range;
        self.mapping.discard(range)?;
        // Zeros are a change that a migration must see.
        self.dirty.mark_dirty(host_bytes(start), host_bytes(end - start));
        Ok(())
    }

    /// All zeros again, as after [`RamRegion::new`] (reset).
    ///
    /// # Errors
    /// The system refused.
    pub(crate) fn clear(&self) -> Result<(), MappingError> {
        self.discard(0..self.mapping.len())
    }
}

impl GuestMemoryRegion for RamRegion {
    type B = DirtyBitmap;

    fn len(&self) -> GuestUsize {
        self.mapping.len()
    }

    fn start_addr(&self) -> GuestAddress {
        self.start
    }

    fn bitmap(&self) -> BS<'_, DirtyBitmap> {
        self.dirty.slice_at(0)
    }

    fn file_offset(&self) -> Option<&FileOffset> {
        self.file.as_ref()
    }

    fn get_slice(
        &self,
        offset: MemoryRegionAddress,
        count: usize,
    ) -> Result<VolatileSlice<'_, BS<'_, DirtyBitmap>>, GuestMemoryError> {
        let end = offset.0.checked_add(count as u64).filter(|end| *end <= self.mapping.len());
        if end.is_none() {
            return Err(GuestMemoryError::InvalidBackendAddress);
        }
        let offset = host_bytes(offset.0);
        // SAFETY: offset + count lies inside the mapping (checked above), which lives as long as `self`, whose
        // lifetime the slice carries; accesses through a VolatileSlice are volatile, and no reference is made.
        Ok(unsafe {
            VolatileSlice::with_bitmap(self.mapping.as_ptr().add(offset), count, self.dirty.slice_at(offset), None)
        })
    }
}

impl GuestMemoryRegionBytes for RamRegion {}

#[cfg(test)]
mod tests;
