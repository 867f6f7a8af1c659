//! Which pages of a region were written by this process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use vm_memory::bitmap::{Bitmap, RefSlice, WithBitmapSlice};

/// Bytes that one bit stands for.
pub(crate) const PAGE_SIZE: usize = 4096;
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

    /// Adds marks that somebody else collected: bit `n % 64` of `bits[n / 64]` is page `first_page + n`.
    /// What lies beyond the region is ignored.
    pub(crate) fn merge(&self, first_page: usize, bits: &[u64]) {
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
