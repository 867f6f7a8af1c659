//! Memory of our own between guest memory and a file that only takes aligned buffers.

use std::io;

/// Of one call: what is larger takes several. So many requests at a time never take much.
pub(super) const CHUNK: usize = 128 << 10;

/// The largest alignment that any host asks for.
#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "pages are reached as bytes")] [u8; 4096]);

/// An aligned buffer, and the one vector that tells the kernel of it.
pub(super) struct Bounce {
    pages: Vec<Page>,
    /// Boxed, so that it stays where it is until the kernel has read it.
    vector: Box<[libc::iovec; 1]>,
}

// SAFETY: the pointer in `vector` points into `pages`, which move with it; only the kernel dereferences it.
unsafe impl Send for Bounce {}

impl Bounce {
    /// For a transfer of `length` bytes, or for the parts of a longer one.
    pub(super) fn new(length: usize) -> Self {
        let pages = vec![Page([0; 4096]); length.min(CHUNK).div_ceil(4096)];
        Self { pages, vector: Box::new([libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }]) }
    }

    /// Makes ready for a call of at most `length` bytes: the buffer of as many as there is room for.
    pub(super) fn prepare(&mut self, length: usize) -> &mut [u8] {
        let bytes = self.pages.as_flattened_bytes(length);
        *self.vector = [libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }];
        bytes
    }

    /// What the call that was prepared takes.
    pub(super) fn vectors(&self) -> &[libc::iovec] {
        &*self.vector
    }

    /// The first `count` bytes.
    ///
    /// # Errors
    /// The kernel claims to have moved more than it was given.
    pub(super) fn filled(&mut self, count: usize) -> io::Result<&[u8]> {
        let bytes = self.pages.as_flattened_bytes(usize::MAX);
        bytes.get(..count).ok_or_else(|| io::Error::other("the host moved more bytes than it was given"))
    }
}

/// Pages as one range of bytes.
trait Bytes {
    /// The first `length` bytes, or all.
    fn as_flattened_bytes(&mut self, length: usize) -> &mut [u8];
}

impl Bytes for Vec<Page> {
    fn as_flattened_bytes(&mut self, length: usize) -> &mut [u8] {
        let whole = self.len() * size_of::<Page>();
        // SAFETY: pages lie one after the other without padding (their size is their alignment), and are bytes.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), length.min(whole)) }
    }
}
