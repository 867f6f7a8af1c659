//! Ranges of guest memory in the form the kernel takes.

use std::io;
use std::ops::Deref;
use vm_memory::{GuestAddress, GuestMemory, GuestMemoryError, Permissions, VolatileSlice};

/// Guest memory that the host reads: the data of a write to a disk.
pub struct Source(Segments);

/// Guest memory that the host writes: where a read from a disk goes.
///
/// Whoever made it from a chain's writable part marks the bytes dirty when the request completes.
pub struct Sink(Segments);

impl Source {
    /// The readable `ranges` of `memory`, which stays mapped as long as this exists.
    ///
    /// # Errors
    /// A range is not (or no longer) accessible memory.
    pub(crate) fn new<T>(
        memory: T,
        ranges: impl Iterator<Item = (GuestAddress, usize)>,
    ) -> Result<Self, GuestMemoryError>
    where
        T: Deref<Target: GuestMemory> + Send + 'static,
    {
        Segments::new(memory, ranges, Permissions::Read).map(Self)
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.0.remaining()
    }

    /// There is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn into_segments(self) -> Segments {
        self.0
    }
}

impl Sink {
    /// The writable `ranges` of `memory`, which stays mapped as long as this exists.
    ///
    /// # Errors
    /// A range is not (or no longer) accessible memory.
    pub(crate) fn new<T>(
        memory: T,
        ranges: impl Iterator<Item = (GuestAddress, usize)>,
    ) -> Result<Self, GuestMemoryError>
    where
        T: Deref<Target: GuestMemory> + Send + 'static,
    {
        Segments::new(memory, ranges, Permissions::Write).map(Self)
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.0.remaining()
    }

    /// There is no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn into_segments(self) -> Segments {
        self.0
    }
}

/// The ranges, shortened from the front as a transfer goes on.
pub(super) struct Segments {
    /// Never empty ones.
    vectors: Vec<libc::iovec>,
    /// Those before it are done.
    first: usize,
    /// The snapshot of guest memory that the vectors point into, boxed before they were made so that it never moves.
    _memory: Box<dyn Send>,
}

// SAFETY: the raw pointers in `vectors` point into shared mappings, not into data of a thread; `_memory` is Send and
// keeps them mapped wherever the value goes. Nothing here dereferences them, only the kernel does.
unsafe impl Send for Segments {}

impl Segments {
    fn new<T>(
        memory: T,
        ranges: impl Iterator<Item = (GuestAddress, usize)>,
        access: Permissions,
    ) -> Result<Self, GuestMemoryError>
    where
        T: Deref<Target: GuestMemory> + Send + 'static,
    {
        let memory = Box::new(memory);
        let mut vectors = Vec::new();
        for (address, length) in ranges {
            for slice in memory.get_slices(address, length, access)? {
                let slice = slice?;
                // The guard matters only for Xen's on-demand mappings, which this crate does not use.
                let start = slice.ptr_guard_mut().as_ptr();
                vectors.push(libc::iovec { iov_base: start.cast(), iov_len: slice.len() });
            }
        }
        vectors.retain(|vector| vector.iov_len > 0);
        Ok(Self { vectors, first: 0, _memory: memory })
    }

    /// Bytes that are left.
    pub(super) fn remaining(&self) -> usize {
        self.left().iter().map(|vector| vector.iov_len).sum()
    }

    /// What is left, as the kernel takes it.
    pub(super) fn left(&self) -> &[libc::iovec] {
        self.vectors.get(self.first..).unwrap_or_default()
    }

    /// Copies the next bytes from guest memory into `bytes`, of which there are no more than are left.
    pub(super) fn copy_to(&self, bytes: &mut [u8]) {
        let mut rest = bytes;
        for slice in self.slices() {
            let count = slice.copy_to(rest);
            rest = rest.get_mut(count..).unwrap_or_default();
        }
    }

    /// Copies `bytes`, of which there are no more than are left, to where the next ones of guest memory are.
    pub(super) fn copy_from(&self, bytes: &[u8]) {
        let mut rest = bytes;
        for slice in self.slices() {
            let count = slice.len().min(rest.len());
            slice.copy_from(rest);
            rest = rest.get(count..).unwrap_or_default();
        }
    }

    fn slices(&self) -> impl Iterator<Item = VolatileSlice<'_>> {
        self.left().iter().map(|vector| {
            // SAFETY: the range is guest memory, which `_memory` keeps mapped for as long as `self` lives; it is only
            // ever reached through volatile slices.
            unsafe { VolatileSlice::new(vector.iov_base.cast(), vector.iov_len) }
        })
    }

    /// Takes `count` bytes off the front.
    ///
    /// # Errors
    /// The kernel claims to have moved more than was left.
    pub(super) fn advance(&mut self, mut count: usize) -> io::Result<()> {
        while count > 0 {
            let Some(vector) = self.vectors.get_mut(self.first) else {
                return Err(io::Error::other("the host moved more bytes than it was given"));
            };
            if count < vector.iov_len {
                // Stays inside the range: `count` is less than its length.
                vector.iov_base = vector.iov_base.wrapping_byte_add(count);
                vector.iov_len -= count;
                return Ok(());
            }
            count -= vector.iov_len;
            self.first += 1;
        }
        Ok(())
    }
}
