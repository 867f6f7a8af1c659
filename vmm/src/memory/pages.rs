//! Guest RAM as the balloon sees it: pages that can go back to the host.

use super::RamRegion;
use devices::virtio::balloon::{DiscardError, GuestPages};
use std::ops::Range;
use std::sync::Arc;

/// All RAM of a machine.
pub(crate) struct RamPages(Vec<Arc<RamRegion>>);

impl RamPages {
    /// The RAM `regions`, which do not overlap.
    pub(crate) fn new(regions: Vec<Arc<RamRegion>>) -> Self {
        Self(regions)
    }
}

impl GuestPages for RamPages {
    fn discard(&self, range: Range<u64>) -> Result<(), DiscardError> {
        let mut parts = Vec::new();
        let mut covered = 0;
        for region in &self.0 {
            let own = region.range();
            let (start, end) = (range.start.max(own.start), range.end.min(own.end));
            if start < end {
                covered += end - start;
                parts.push((region, start - own.start..end - own.start));
            }
        }
        if covered != range.end.saturating_sub(range.start) {
            return Err(DiscardError::NotRam(range));
        }
        for (region, part) in parts {
            region.discard(part).map_err(|error| DiscardError::Host(error.into()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Backing;
    use crate::memory::layout;
    use vm_memory::{Bytes, GuestAddress, GuestMemoryRegion, MemoryRegionAddress};

    /// Two regions that touch, and a hole behind them.
    fn ram() -> Vec<Arc<RamRegion>> {
        let region = |range| Arc::new(RamRegion::new(range, Backing::Memfd).unwrap());
        vec![region(0..0x4000), region(0x4000..0x8000)]
    }

    fn bytes(region: &RamRegion, offset: u64) -> [u8; 2] {
        region.read_obj(MemoryRegionAddress(offset)).unwrap()
    }

    #[test]
    fn pages_go_from_the_regions_that_have_them_and_no_others() {
        let regions = ram();
        for region in &regions {
            region.write_slice(&[7; 0x4000], MemoryRegionAddress(0)).unwrap();
        }
        RamPages::new(regions.clone()).discard(0x3000..0x5000).unwrap();
        assert_eq!([bytes(&regions[0], 0x2ffe), bytes(&regions[0], 0x3000)], [[7; 2], [0; 2]]);
        assert_eq!([bytes(&regions[1], 0xffe), bytes(&regions[1], 0x1000)], [[0; 2], [7; 2]]);
        assert_eq!(regions[1].start_addr(), GuestAddress(0x4000));
    }

    #[test]
    fn what_is_not_all_ram_stays() {
        let regions = ram();
        regions[1].write_slice(&[7; 0x4000], MemoryRegionAddress(0)).unwrap();
        let pages = RamPages::new(regions.clone());
        for range in [0x7000..0x9000, 0x8000..0x9000, layout::ECAM.start..layout::ECAM.start + 4096] {
            assert!(matches!(pages.discard(range), Err(DiscardError::NotRam(_))));
        }
        assert_eq!(bytes(&regions[1], 0x3ffe), [7; 2]);
    }
}
