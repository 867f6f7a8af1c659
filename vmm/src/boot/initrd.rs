//! Where the initial RAM disk goes.

use super::error::BootError;
use crate::memory::layout::PAGE_SIZE;
use std::ops::Range;

/// The highest page-aligned place for `size` bytes inside `room` and below `limit` that leaves `kernel`, itself inside
/// `room`, alone.
///
/// # Errors
/// [`BootError::InitrdTooLarge`].
pub(super) fn place(size: u64, room: &Range<u64>, limit: u64, kernel: &Range<u64>) -> Result<u64, BootError> {
    let top = room.end.min(limit);
    let above = kernel.end..top;
    let below = room.start..kernel.start.min(top);
    let largest = [&above, &below].map(|gap| pages(gap).end.saturating_sub(pages(gap).start)).into_iter().max();
    [above, below]
        .iter()
        .find_map(|gap| highest(size, gap))
        .ok_or(BootError::InitrdTooLarge { size, room: largest.unwrap_or(0) })
}

/// The highest page in `gap` from which `size` bytes fit.
fn highest(size: u64, gap: &Range<u64>) -> Option<u64> {
    let start = gap.end.checked_sub(size)?;
    let start = start - start % PAGE_SIZE;
    (start >= gap.start).then_some(start)
}

/// The part of `gap` that begins on a page.
fn pages(gap: &Range<u64>) -> Range<u64> {
    gap.start.checked_next_multiple_of(PAGE_SIZE).unwrap_or(u64::MAX)..gap.end
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const ROOM: Range<u64> = 0x10_0000..0x100_0000;
    const KERNEL: Range<u64> = 0x20_0000..0x30_0000;

    fn at(size: u64, limit: u64) -> Option<u64> {
        place(size, &ROOM, limit, &KERNEL).ok()
    }

    #[test]
    fn it_goes_to_the_highest_page_below_ram_s_end_and_the_limit() {
        assert_eq!(at(1, u64::MAX), Some(0xff_f000));
        assert_eq!(at(0x1000, u64::MAX), Some(0xff_f000));
        assert_eq!(at(0x1001, u64::MAX), Some(0xff_e000));
        assert_eq!(at(0x1000, 0x80_0000), Some(0x7f_f000));
        assert_eq!(at(0x1000, 0x80_0fff), Some(0x7f_f000));
        assert_eq!(at(0xfff, 0x80_0fff), Some(0x80_0000));
    }

    #[test]
    fn it_may_touch_the_kernel_s_end_and_otherwise_goes_below_it() {
        assert_eq!(at(0xd0_0000, u64::MAX), Some(0x30_0000));
        assert_eq!(at(0x10_0000, 0x3f_ffff), Some(0x10_0000));
        assert_eq!(at(0xf_ffff, 0x3f_ffff), Some(0x30_0000));
        assert_eq!(at(0x10_0000, 0x40_0000), Some(0x30_0000));
    }

    #[test]
    fn what_fits_nowhere_is_an_error_with_the_largest_room() {
        let error = place(0xd0_0001, &ROOM, u64::MAX, &KERNEL).unwrap_err();
        assert!(matches!(error, BootError::InitrdTooLarge { size: 0xd0_0001, room: 0xd0_0000 }), "{error}");
        let error = place(u64::MAX, &ROOM, 0x20_0000, &KERNEL).unwrap_err();
        assert!(matches!(error, BootError::InitrdTooLarge { room: 0x10_0000, .. }), "{error}");
        let error = place(1, &ROOM, 0, &KERNEL).unwrap_err();
        assert!(matches!(error, BootError::InitrdTooLarge { room: 0, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn a_place_is_inside_and_beside_and_a_refusal_is_true(
            size in 1..0x2000_0000u64, limit in any::<u64>(), start in 0x10_0000..0x100_0000u64, len in 0..0x100_0000u64,
        ) {
            let kernel = start..start + len;
            match place(size, &ROOM, limit, &kernel) {
                Ok(place) => {
                    prop_assert!(place.is_multiple_of(PAGE_SIZE) && place >= ROOM.start);
                    prop_assert!(place + size <= ROOM.end.min(limit));
                    prop_assert!(place + size <= kernel.start || place >= kernel.end);
                }
                Err(BootError::InitrdTooLarge { room, .. }) => prop_assert!(room < size),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
