//! KVM's memory slots as the address space sees them.

use super::RamRegion;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What a hypervisor call on a slot failed with; it names the call.
pub(crate) type SlotError = Box<dyn std::error::Error + Send + Sync>;

/// The number of a memory slot (address space 0, so below 65,536).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId(pub(crate) u32);

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One memory slot: guest-physical pages and the host pages behind them.
///
/// # Invariants
/// The range is not empty, its ends and `offset` are multiples of the page size, and `offset..offset + len` lies
/// inside `region`: the hypervisor gets no address that the region does not own. [`super::plan::flatten`] checks it,
/// and nothing outside this module can make or change a slot.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Guest-physical bytes.
    pub(super) range: Range<u64>,
    /// Where the pages are.
    pub(super) region: Arc<RamRegion>,
    /// Offset of the slot's first byte in `region`.
    pub(super) offset: u64,
    /// See [`Slot::readonly`].
    pub(super) readonly: bool,
    /// See [`Slot::log_dirty`].
    pub(super) log_dirty: bool,
}

impl Slot {
    /// First guest-physical address.
    pub(crate) fn start(&self) -> u64 {
        self.range.start
    }

    /// Bytes in the slot.
    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whose pages these are.
    pub(crate) fn region(&self) -> &Arc<RamRegion> {
        &self.region
    }

    /// Address of the first byte in this process: `userspace_addr` of KVM_SET_USER_MEMORY_REGION.
    pub(crate) fn host_address(&self) -> u64 {
        self.region.mapping().host_address() + self.offset
    }

    /// `KVM_MEM_READONLY`: a guest's write leaves the guest as an MMIO exit.
    pub(crate) fn readonly(&self) -> bool {
        self.readonly
    }

    /// `KVM_MEM_LOG_DIRTY_PAGES`: KVM remembers which pages the guest wrote.
    pub(crate) fn log_dirty(&self) -> bool {
        self.log_dirty
    }
}

/// The hypervisor's slot calls. [`super::AddressSpace`] is the only caller.
///
/// # Contract
/// An implementation keeps a clone of `slot.region` from a successful [`MemorySlots::set`] until the slot is removed,
/// and as long as any vCPU of the machine exists: the mapping outlives the hypervisor's use of it.
pub(crate) trait MemorySlots: Send + Sync {
    /// Creates slot `id`, or changes nothing but `log_dirty` of an existing one.
    ///
    /// # Errors
    /// The hypervisor refused; nothing has changed.
    fn set(&self, id: SlotId, slot: &Slot) -> Result<(), SlotError>;

    /// Removes slot `id`.
    ///
    /// # Errors
    /// The hypervisor refused; nothing has changed.
    fn remove(&self, id: SlotId) -> Result<(), SlotError>;

    /// Takes and clears the dirty bits of slot `id`: bit `n % 64` of word `n / 64` is the slot's page `n`.
    /// Called only for slots with `log_dirty`.
    ///
    /// # Errors
    /// The hypervisor refused; no bit is lost.
    fn dirty_log(&self, id: SlotId, slot: &Slot) -> Result<Vec<u64>, SlotError>;
}
