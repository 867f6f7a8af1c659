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
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Guest-physical bytes; both ends are multiples of the page size and the range is not empty.
    pub(crate) range: Range<u64>,
    /// Where the pages are.
    pub(crate) region: Arc<RamRegion>,
    /// Offset of the slot's first byte in `region`, a multiple of the page size. The slot lies inside `region`.
    pub(crate) offset: u64,
    /// `KVM_MEM_READONLY`: a guest's write leaves the guest as an MMIO exit.
    pub(crate) readonly: bool,
    /// `KVM_MEM_LOG_DIRTY_PAGES`: KVM remembers which pages the guest wrote.
    pub(crate) log_dirty: bool,
}

impl Slot {
    /// Bytes in the slot.
    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Address of the first byte in this process: `userspace_addr` of KVM_SET_USER_MEMORY_REGION.
    pub(crate) fn host_address(&self) -> u64 {
        self.region.mapping().host_address() + self.offset
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
