//! What the guest-physical address space is made of.

use super::RamRegion;
use std::ops::Range;
use std::sync::Arc;

/// One entry of the declarative list that [`super::AddressSpace::commit`] takes. Later entries win.
#[derive(Clone, Debug)]
pub(crate) struct AddressRange {
    /// Guest-physical bytes; both ends are multiples of the page size.
    pub(crate) range: Range<u64>,
    /// What is there.
    pub(crate) kind: Kind,
}

/// What stands at a range of guest-physical addresses.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The guest reads and writes the region from `offset` on.
    Ram {
        /// Where the pages are.
        region: Arc<RamRegion>,
        /// Offset of the range's first byte in `region`.
        offset: u64,
    },
    /// The guest reads the region; its writes go nowhere.
    Rom {
        /// Where the pages are.
        region: Arc<RamRegion>,
        /// Offset of the range's first byte in `region`.
        offset: u64,
    },
    /// The guest reads the region; its writes reach a device on the bus (flash).
    RomDevice {
        /// Where the pages are.
        region: Arc<RamRegion>,
        /// Offset of the range's first byte in `region`.
        offset: u64,
    },
    /// A device on the bus answers.
    Mmio,
    /// Nothing: whatever earlier entries had there is gone.
    Hole,
}

impl AddressRange {
    /// All of `region` as RAM, where it says it is.
    pub(crate) fn ram(region: &Arc<RamRegion>) -> Self {
        Self { range: region.range(), kind: Kind::Ram { region: Arc::clone(region), offset: 0 } }
    }
}
