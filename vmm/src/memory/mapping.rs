//! Pages of this process that hold guest memory.

use super::layout::PAGE_SIZE;
use crate::config::{Backing, HugePageSize, TransparentHugePages};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use thiserror::Error;

/// Host and guest addresses are equal modulo this, so that a huge page of the host can back one of the guest.
pub(crate) const CONGRUENCE: u64 = 2 << 20;

const _: () = assert!(usize::BITS == 64, "guests of 64 bits need a host of 64 bits");

/// A number of bytes as this process counts them: the same number, see above.
#[allow(clippy::cast_possible_truncation)]
pub(super) const fn host_bytes(bytes: u64) -> usize {
    bytes as usize
}

/// Why guest memory could not be mapped or changed.
#[derive(Debug, Error)]
pub(crate) enum MappingError {
    /// More than the host has address space, memory or file size for.
    #[error("{size} bytes of guest memory are more than this host can map: give the machine less memory")]
    TooLarge {
        /// Bytes asked for.
        size: u64,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// A size or range that is not a whole number of pages, or empty.
    #[error("Guest memory is mapped in whole pages of 4096 bytes: {start:#x} and {size} bytes are not")]
    NotPages {
        /// Guest address or offset.
        start: u64,
        /// Bytes.
        size: u64,
    },
    /// A range that does not lie inside the mapping.
    #[error("The range {start:#x} to {end:#x} does not lie inside a mapping of {size} bytes")]
    OutOfRange {
        /// First byte of the range.
        start: u64,
        /// Byte after the range.
        end: u64,
        /// Bytes of the mapping.
        size: u64,
    },
    /// The host has not reserved enough huge pages, or they are in use.
    #[error(
        "{size} bytes of guest memory need {count} free huge pages of {page}: reserve them (/sys/kernel/mm/hugepages, or hugepagesz= and hugepages= on the host's command line), or raise the limit of the control group",
        count = size / page.bytes()
    )]
    NoHugePages {
        /// Bytes asked for.
        size: u64,
        /// The pages.
        page: HugePageSize,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// Reserved huge pages stay until the machine ends.
    #[error("Guest memory of huge pages is not given back piece by piece")]
    HugePagesStay,
    /// Another system call failed.
    #[error("{call} failed for {size} bytes of guest memory")]
    System {
        /// The system call.
        call: &'static str,
        /// Bytes it was for.
        size: u64,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
}

/// Owns a range of this process's address space that holds guest memory; unmapped when dropped.
///
/// # Invariants
/// - `address..address + len` is mapped readable and writable by this value alone, from `new` to `drop`;
/// - `len` is not zero, a multiple of the page size, and at most `isize::MAX`;
/// - no reference to the memory is ever made here: guests and devices change it at any time, so everybody goes
///   through vm-memory's volatile accesses.
#[derive(Debug)]
pub(crate) struct Mapping {
    address: NonNull<c_void>,
    len: usize,
    /// The memfd, when there is one.
    file: Option<Arc<File>>,
    backing: Backing,
}

// SAFETY: the mapping belongs to the process, not to a thread, and `Mapping` hands out only its address.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method writes the fields after `new`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `size` bytes of zeros for guest address `guest`.
    ///
    /// # Errors
    /// `guest` and `size` are not whole pages, `size` is zero, or the host cannot map that much.
    pub(crate) fn new(backing: Backing, guest: u64, size: u64) -> Result<Self, MappingError> {
        if size == 0 || !size.is_multiple_of(PAGE_SIZE) || !guest.is_multiple_of(PAGE_SIZE) {
            return Err(MappingError::NotPages { start: guest, size });
        }
        let congruence = match backing {
            Backing::Hugetlb(page) if !(guest | size).is_multiple_of(page.bytes()) => {
                return Err(MappingError::NotPages { start: guest, size });
            }
            Backing::Hugetlb(page) => page.bytes(),
            Backing::Anonymous | Backing::Memfd => CONGRUENCE,
        };
        // Room to move the start to the right place; isize::MAX is what a Rust allocation may have.
        let room = size.checked_add(congruence).filter(|room| isize::try_from(*room).is_ok());
        let Some(room) = room else {
            return Err(MappingError::TooLarge { size, source: Errno::NOMEM.into() });
        };
        let file = match backing {
            Backing::Anonymous => None,
            Backing::Memfd | Backing::Hugetlb(_) => Some(Arc::new(sealed_memfd(backing, size)?)),
        };
        let reservation = Reservation::new(host_bytes(room)).map_err(|source| failure("mmap", size, source))?;
        let place = Place { len: host_bytes(size), guest, congruence };
        let address = reservation.map(&place, backing, file.as_deref()).map_err(|source| match backing {
            Backing::Hugetlb(page) => MappingError::NoHugePages { size, page, source: source.into() },
            Backing::Anonymous | Backing::Memfd => failure("mmap", size, source),
        })?;
        let mapping = Self { address, len: host_bytes(size), file, backing };
        if let Backing::Hugetlb(page) = backing {
            mapping.populate(page)?;
        }
        Ok(mapping)
    }

    /// Takes every page now. The reservation of huge pages alone is not enough: a control group counts them when they
    /// are touched, and a guest that touches one too many would be killed by SIGBUS.
    fn populate(&self, page: HugePageSize) -> Result<(), MappingError> {
        // SAFETY: the whole mapping, which is ours (invariant of Mapping); its contents do not change.
        match unsafe { rustix::mm::madvise(self.as_ptr().cast(), self.len, Advice::LinuxPopulateWrite) } {
            Ok(()) => Ok(()),
            // Linux before 5.14 does not know it: the reservation has to do.
            Err(Errno::INVAL) => Ok(()),
            Err(source) => Err(MappingError::NoHugePages { size: self.len(), page, source: source.into() }),
        }
    }

    /// Says whether the host may use huge pages that are not reserved. A host without them has nothing to refuse.
    pub(crate) fn advise_huge_pages(&self, choice: TransparentHugePages) -> Result<(), MappingError> {
        let advice = match (self.backing, choice) {
            (Backing::Hugetlb(_), _) | (_, TransparentHugePages::Auto) => return Ok(()),
            (_, TransparentHugePages::On) => Advice::LinuxHugepage,
            (_, TransparentHugePages::Off) => Advice::LinuxNoHugepage,
        };
        // SAFETY: the whole mapping, which is ours (invariant of Mapping); the advice changes no contents.
        match unsafe { rustix::mm::madvise(self.as_ptr().cast(), self.len, advice) } {
            // What a kernel without transparent huge pages answers.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(source) => Err(MappingError::System { call: "madvise", size: self.len(), source: source.into() }),
        }
    }

    /// Bytes mapped.
    pub(crate) fn len(&self) -> u64 {
        self.len as u64 // usize has 64 bits here
    }

    /// The first byte.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.address.as_ptr().cast()
    }

    /// The address of the first byte in this process.
    pub(crate) fn host_address(&self) -> u64 {
        self.as_ptr() as u64
    }

    /// The memfd behind the mapping, for processes that share it.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        self.file.as_ref()
    }

    /// Gives the pages of `range` (offsets) back to the host; they read zero afterwards.
    ///
    /// # Errors
    /// The range is not whole pages, not inside the mapping, of reserved huge pages, or the system refused.
    pub(crate) fn discard(&self, range: Range<u64>) -> Result<(), MappingError> {
        let Range { start, end } = range;
        if start > end || end > self.len() {
            return Err(MappingError::OutOfRange { start, end, size: self.len() });
        }
        let size = end - start;
        if !start.is_multiple_of(PAGE_SIZE) || !size.is_multiple_of(PAGE_SIZE) {
            return Err(MappingError::NotPages { start, size });
        }
        if size == 0 {
            return Ok(());
        }
        if matches!(self.backing, Backing::Hugetlb(_)) {
            return Err(MappingError::HugePagesStay);
        }
        if let Some(file) = &self.file {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            return rustix::fs::fallocate(file, flags, start, size).map_err(|source| MappingError::System {
                call: "fallocate",
                size,
                source: source.into(),
            });
        }
        let (start, len) = (host_bytes(start), host_bytes(size));
        // SAFETY: start + len <= self.len was checked above and the mapping is ours (invariant of Mapping), so only
        // guest memory is dropped; no Rust reference to it exists.
        unsafe { rustix::mm::madvise(self.as_ptr().add(start).cast(), len, Advice::LinuxDontNeed) }
            .map_err(|source| MappingError::System { call: "madvise", size, source: source.into() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is mapped by this value alone (invariant of Mapping), and nobody can reach it through
        // this value any more. Slots of KVM hold an Arc of the region (contract of MemorySlots).
        if let Err(error) = unsafe { rustix::mm::munmap(self.address.as_ptr(), self.len) } {
            tracing::error!(%error, bytes = self.len, "munmap of guest memory failed");
        }
    }
}

/// Where a mapping goes inside a reservation, which has at least `congruence` bytes more than `len`.
struct Place {
    /// Bytes of the mapping.
    len: usize,
    /// Its guest address.
    guest: u64,
    /// Host and guest addresses are equal modulo this.
    congruence: u64,
}

/// Address space without memory, larger than the mapping that will lie inside it.
struct Reservation {
    start: NonNull<c_void>,
    len: usize,
}

impl Reservation {
    fn new(len: usize) -> Result<Self, Errno> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a null hint without MAP_FIXED: the kernel picks unused address space.
        let start = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags)? };
        Ok(Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, len })
    }

    /// Puts memory where `place` says, and gives the rest of the address space back.
    fn map(self, place: &Place, backing: Backing, file: Option<&File>) -> Result<NonNull<c_void>, Errno> {
        let Place { len, guest, congruence } = *place;
        let start = self.start.as_ptr() as u64;
        let head = host_bytes(guest.wrapping_sub(start) % congruence);
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: head < congruence, so head..head + len lies inside the reservation, which is ours alone.
        let place = unsafe { self.start.as_ptr().byte_add(head) };
        // SAFETY: MAP_FIXED replaces pages of the reservation only (see above), and nothing refers to them.
        unsafe {
            match file {
                None => {
                    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
                    rustix::mm::mmap_anonymous(place, len, prot, flags)?
                }
                Some(file) => {
                    // Huge pages are counted here, not when the guest first needs one.
                    let reserve = match backing {
                        Backing::Hugetlb(_) => MapFlags::empty(),
                        Backing::Anonymous | Backing::Memfd => MapFlags::NORESERVE,
                    };
                    let flags = MapFlags::SHARED | MapFlags::FIXED | reserve;
                    rustix::mm::mmap(place, len, prot, flags, file, 0)?
                }
            }
        };
        let tail = self.len - head - len;
        let reservation = std::mem::ManuallyDrop::new(self);
        let base = reservation.start.as_ptr();
        for (offset, surplus) in [(0, head), (head + len, tail)] {
            if surplus == 0 {
                continue;
            }
            // SAFETY: the surplus lies inside the reservation and outside the new mapping. Should it fail (it cannot
            // for a whole mapping's end), unused address space stays reserved: no harm to memory safety.
            let _ = unsafe { rustix::mm::munmap(base.byte_add(offset), surplus) };
        }
        NonNull::new(place).ok_or(Errno::NOMEM)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the reservation is ours and `map` did not hand any of it out (it forgets `self` when it does).
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.len) };
    }
}

/// A memfd of `size` bytes whose size nobody can change: a mapping of it never faults beyond its end.
fn sealed_memfd(backing: Backing, size: u64) -> Result<File, MappingError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match backing {
        Backing::Hugetlb(page) => {
            let pages = match page {
                HugePageSize::Size2Mi => MemfdFlags::HUGE_2MB,
                HugePageSize::Size1Gi => MemfdFlags::HUGE_1GB,
            };
            rustix::fs::memfd_create("guest-memory", flags | MemfdFlags::HUGETLB | pages)
                .map_err(|source| MappingError::NoHugePages { size, page, source: source.into() })?
        }
        Backing::Anonymous | Backing::Memfd => {
            rustix::fs::memfd_create("guest-memory", flags).map_err(|source| failure("memfd_create", size, source))?
        }
    };
    rustix::fs::ftruncate(&file, size).map_err(|source| failure("ftruncate", size, source))?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(|source| failure("F_ADD_SEALS", size, source))?;
    Ok(file.into())
}

/// Tells a size that the host cannot have from other failures.
fn failure(call: &'static str, size: u64, source: Errno) -> MappingError {
    match source {
        Errno::NOMEM | Errno::FBIG | Errno::INVAL | Errno::OVERFLOW => {
            MappingError::TooLarge { size, source: source.into() }
        }
        _ => MappingError::System { call, size, source: source.into() },
    }
}

#[cfg(test)]
mod tests;
