//! Firmware: its code goes to where a processor begins.

use super::payload::Payload;
use super::{BootContext, BootError, BootMethod, Entry};
use crate::memory::{GuestRam, RamRegion, read_exact_at};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use vm_memory::{GuestMemoryRegion, MemoryRegionAddress};

/// Reads firmware into the memory below 4 GiB that was made for it. It can be loaded again and again (reset).
#[derive(Debug)]
pub(crate) struct FirmwareBoot {
    /// The file: as large as [`FirmwareBoot::region`].
    pub(crate) code: File,
    /// Its memory.
    pub(crate) region: Arc<RamRegion>,
}

impl BootMethod for FirmwareBoot {
    /// Firmware finds out about the machine by itself.
    fn load(&self, _ram: &GuestRam, _context: &BootContext) -> Result<Entry, BootError> {
        const NAME: &str = "firmware";
        let size = Payload::open(NAME, &self.code)?.size();
        let Range { start, end } = self.region.range();
        let (needed, unreadable) = (end - start, |source| BootError::Read { payload: NAME, source });
        if size < needed {
            return Err(BootError::Truncated { payload: NAME, needed, size });
        }
        let bytes = usize::try_from(needed).unwrap_or(usize::MAX);
        let slice = self.region.get_slice(MemoryRegionAddress(0), bytes);
        let slice = slice.map_err(|error| unreadable(std::io::Error::other(error)))?;
        read_exact_at(&self.code, 0, slice).map_err(unreadable)?;
        Ok(Entry::Reset)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Backing;
    use std::io::Write;
    use vm_memory::Bytes;

    #[test]
    fn the_files_last_byte_is_the_last_below_4_gib() {
        let mut code = tempfile::tempfile().unwrap();
        code.write_all(&[vec![0x90; 8191], vec![0xea]].concat()).unwrap();
        let region = Arc::new(RamRegion::new(0xffff_e000..0x1_0000_0000, Backing::Anonymous).unwrap());
        let boot = FirmwareBoot { code, region: Arc::clone(&region) };
        let ram = GuestRam::from_arc_regions(RamRegion::ram(16 << 20, Backing::Anonymous).unwrap()).unwrap();
        for _ in 0..2 {
            assert_eq!(boot.load(&ram, &BootContext::default()).unwrap(), Entry::Reset);
        }
        assert_eq!(region.read_obj::<u16>(MemoryRegionAddress(8190)).unwrap(), 0xea90);
        boot.code.set_len(8191).unwrap();
        assert!(matches!(boot.load(&ram, &BootContext::default()), Err(BootError::Truncated { size: 8191, .. })));
    }
}
