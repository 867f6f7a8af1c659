//! Which pages of a region were written by this process.

use super::layout;
use super::mapping::host_bytes;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use vm_memory::bitmap::{Bitmap, RefSlice, WithBitmapSlice};

/// Bytes that one bit stands for.
const PAGE_SIZE: usize = host_bytes(layout::PAGE_SIZE);
/// Pages per word of the bitmap.
const WORD: usize = u64::BITS as usize;

/// A dirty bitmap with a switch: vm-memory fixes the bitmap's type when a region is made, but only a migration or an
/// incremental snapshot needs one. Off, a write costs one relaxed load; the words are allocated when it is first on.
#[derive(Debug)]
pub(crate) struct DirtyBitmap {
    enabled: AtomicBool,
    /// Pages of the region.
    pages: usize,
    words: OnceLock<Box<[AtomicU64]>>,
}

impl DirtyBitmap {
    /// A bitmap for `len` bytes, switched off.
    pub(crate) fn new(len: usize) -> Self {
        Self { enabled: AtomicBool::new(false), pages: len.div_ceil(PAGE_SIZE), words: OnceLock::new() }
    }

    /// Begins to remember writes; all pages are clean.
    pub(crate) fn enable(&self) {
        for word in self.words() {
            word.store(0, Ordering::Relaxed);
        }
        self.enabled.store(true, Ordering::SeqCst);
    }

    /// Stops remembering writes. What is marked stays until [`DirtyBitmap::harvest`] or [`DirtyBitmap::enable`].
    pub(crate) fn disable(&self) {
        self.enabled.store(false, Ordering::SeqCst);
    }

    /// Takes and clears the marks: bit `n % 64` of word `n / 64` is page `n`. Empty when never enabled.
    pub(crate) fn harvest(&self) -> Vec<u64> {
        let words = self.words.get().map_or(&[][..], |words| words);
        words.iter().map(|word| word.swap(0, Ordering::SeqCst)).collect()
    }

    /// Adds marks that somebody else collected for the bytes from `offset` (a multiple of the page size) on:
    /// bit `n % 64` of `bits[n / 64]` is the `n`th page from there. What lies beyond the region is ignored.
    pub(crate) fn merge(&self, offset: u64, bits: &[u64]) {
        let first_page = host_bytes(offset / layout::PAGE_SIZE);
        for (index, word) in bits.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                // At most 63: a word has 64 bits.
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                self.mark_page(first_page.saturating_add(index * WORD + bit));
            }
        }
    }

    fn words(&self) -> &[AtomicU64] {
        self.words.get_or_init(|| (0..self.pages.div_ceil(WORD)).map(|_| AtomicU64::new(0)).collect())
    }

    fn mark_page(&self, page: usize) {
        if page >= self.pages {
            return;
        }
        if let Some(word) = self.words().get(page / WORD) {
            word.fetch_or(1 << (page % WORD), Ordering::SeqCst);
        }
    }
}

impl<'a> WithBitmapSlice<'a> for DirtyBitmap {
    type S = RefSlice<'a, Self>;
}

impl Bitmap for DirtyBitmap {
    fn mark_dirty(&self, offset: usize, len: usize) {
        if !self.enabled.load(Ordering::Relaxed) || len == 0 {
            return;
        }
        let first = offset / PAGE_SIZE;
        let last = offset.saturating_add(len - 1) / PAGE_SIZE;
        for page in first..=last.min(self.pages.saturating_sub(1)) {
            self.mark_page(page);
        }
    }

    fn dirty_at(&self, offset: usize) -> bool {
        let page = offset / PAGE_SIZE;
        let word = self.words.get().and_then(|words| words.get(page / WORD));
        word.is_some_and(|word| word.load(Ordering::SeqCst) & (1 << (page % WORD)) != 0)
    }

    fn slice_at(&self, offset: usize) -> RefSlice<'_, Self> {
        RefSlice::new(self, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: usize = 130;

    fn bitmap() -> DirtyBitmap {
        DirtyBitmap::new(PAGES * PAGE_SIZE)
    }

    fn dirty_pages(bitmap: &DirtyBitmap) -> Vec<usize> {
        (0..PAGES + 64).filter(|page| bitmap.dirty_at(page * PAGE_SIZE)).collect()
    }

    #[test]
    fn a_bitmap_that_is_off_remembers_and_allocates_nothing() {
        let bitmap = bitmap();
        bitmap.mark_dirty(0, PAGES * PAGE_SIZE);
        assert!(bitmap.words.get().is_none());
        assert_eq!(bitmap.harvest(), Vec::<u64>::new());
        assert!(!bitmap.dirty_at(0));
    }

    #[test]
    fn a_write_marks_every_page_it_touches_and_no_other() {
        let bitmap = bitmap();
        bitmap.enable();
        for (offset, len, pages) in [
            (0, 1, vec![0]),
            (PAGE_SIZE - 1, 1, vec![0]),
            (PAGE_SIZE - 1, 2, vec![0, 1]),
            (PAGE_SIZE, PAGE_SIZE, vec![1]),
            (63 * PAGE_SIZE, PAGE_SIZE + 1, vec![63, 64]),
            ((PAGES - 1) * PAGE_SIZE, PAGE_SIZE, vec![PAGES - 1]),
            (5 * PAGE_SIZE, 0, vec![]),
        ] {
            bitmap.mark_dirty(offset, len);
            assert_eq!(dirty_pages(&bitmap), pages, "write of {len} bytes at {offset}");
            bitmap.harvest();
        }
    }

    #[test]
    fn marks_beyond_the_region_are_ignored() {
        let bitmap = bitmap();
        bitmap.enable();
        bitmap.mark_dirty(PAGES * PAGE_SIZE, PAGE_SIZE);
        bitmap.mark_dirty(usize::MAX, usize::MAX);
        assert_eq!(dirty_pages(&bitmap), Vec::<usize>::new());
        bitmap.mark_dirty((PAGES - 1) * PAGE_SIZE, usize::MAX);
        assert_eq!(dirty_pages(&bitmap), vec![PAGES - 1]);
        bitmap.merge(PAGES as u64 * layout::PAGE_SIZE, &[u64::MAX]);
        bitmap.merge(u64::MAX, &[u64::MAX]);
        assert_eq!(dirty_pages(&bitmap), vec![PAGES - 1]);
    }

    #[test]
    fn an_empty_region_has_nothing_to_mark() {
        let bitmap = DirtyBitmap::new(0);
        bitmap.enable();
        bitmap.mark_dirty(0, 1);
        assert_eq!(bitmap.harvest(), Vec::<u64>::new());
    }

    #[test]
    fn a_harvest_takes_the_marks_as_bits_and_clears_them() {
        let bitmap = bitmap();
        bitmap.enable();
        bitmap.mark_dirty(PAGE_SIZE, 1);
        bitmap.mark_dirty(65 * PAGE_SIZE, 1);
        assert_eq!(bitmap.harvest(), vec![1 << 1, 1 << 1, 0]);
        assert_eq!(bitmap.harvest(), vec![0, 0, 0]);
    }

    #[test]
    fn disabling_keeps_the_marks_and_enabling_starts_clean() {
        let bitmap = bitmap();
        bitmap.enable();
        bitmap.mark_dirty(PAGE_SIZE, 1);
        bitmap.disable();
        bitmap.mark_dirty(2 * PAGE_SIZE, 1);
        assert_eq!(dirty_pages(&bitmap), vec![1]);
        bitmap.enable();
        assert_eq!(dirty_pages(&bitmap), Vec::<usize>::new());
    }

    #[test]
    fn collected_marks_land_at_their_offset() {
        let bitmap = bitmap();
        bitmap.merge(64 * layout::PAGE_SIZE, &[1 | 1 << 63, 1]);
        assert_eq!(dirty_pages(&bitmap), vec![64, 127, 128]);
    }

    #[test]
    fn a_slice_marks_relative_to_its_start() {
        let bitmap = bitmap();
        bitmap.enable();
        let slice = bitmap.slice_at(3 * PAGE_SIZE);
        slice.mark_dirty(PAGE_SIZE, 1);
        assert_eq!(dirty_pages(&bitmap), vec![4]);
        assert!(slice.dirty_at(PAGE_SIZE) && !slice.dirty_at(0));
    }
}
