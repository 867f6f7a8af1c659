//! Where in guest memory a payload may be.

use super::error::BootError;
use crate::memory::layout::KERNEL_START;
use crate::memory::{GuestRam, RamRegion};
use std::ops::Range;
use vm_memory::{GuestAddress, GuestMemoryBackend};

/// The RAM that kernels and RAM disks may lie in: from 1 MiB to the end of low RAM, so below 4 GiB.
pub(super) fn room(ram: &GuestRam) -> Range<u64> {
    let end = ram.find_region(GuestAddress(0)).map_or(0, |low: &RamRegion| low.range().end);
    KERNEL_START..end.max(KERNEL_START)
}

/// Says whether a kernel may have the memory `wanted`.
///
/// # Errors
/// It is not all inside `room`.
pub(super) fn check(wanted: &Range<u64>, room: &Range<u64>) -> Result<(), BootError> {
    if wanted.start < room.start {
        return Err(BootError::TooLow { start: wanted.start });
    }
    if wanted.end > room.end || wanted.start > wanted.end {
        return Err(BootError::OutsideRam { start: wanted.start, end: wanted.end, ram_end: room.end });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::ram;
    use super::*;

    #[test]
    fn the_room_is_low_ram_above_the_first_mib() {
        assert_eq!(room(&ram(16 << 20)), 0x10_0000..16 << 20);
        assert_eq!(room(&ram(4 << 30)), 0x10_0000..0x8000_0000);
        assert!(room(&ram(0x1000)).is_empty());
    }

    #[test]
    fn a_kernel_may_fill_its_room_and_not_a_byte_more() {
        let room = 0x10_0000..0x20_0000;
        check(&room, &room).unwrap();
        check(&(0x10_0000..0x10_0000), &room).unwrap();
        assert!(matches!(check(&(0xf_ffff..0x11_0000), &room), Err(BootError::TooLow { start: 0xf_ffff })));
        for end in [0x20_0001, u64::MAX] {
            let error = check(&(0x10_0000..end), &room).unwrap_err();
            assert!(matches!(error, BootError::OutsideRam { ram_end: 0x20_0000, .. }), "{error}");
        }
        let backwards = Range { start: 0x18_0000, end: 0x17_0000 };
        assert!(matches!(check(&backwards, &room), Err(BootError::OutsideRam { .. })));
    }
}
