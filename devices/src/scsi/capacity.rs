//! How large a unit is: READ CAPACITY (SBC-3 5.15, 5.16), and which blocks are inside it.

use super::Sense;
use super::inquiry::UnitKind;

/// Whether `count` blocks from `block` on lie inside `blocks`.
pub(super) fn check(block: u64, count: u32, blocks: u64) -> Result<(), Sense> {
    let end = block.checked_add(count.into()).ok_or(Sense::OUT_OF_RANGE)?;
    if end <= blocks { Ok(()) } else { Err(Sense::OUT_OF_RANGE) }
}

/// The last block (or all ones, where the long form tells more) and the block size.
pub(super) fn short(kind: UnitKind, blocks: u64) -> Vec<u8> {
    let last = u32::try_from(blocks.saturating_sub(1)).unwrap_or(u32::MAX);
    [last.to_be_bytes(), kind.block_size().to_be_bytes()].concat()
}

/// The long form: also says that blocks can be unmapped.
pub(super) fn long(kind: UnitKind, blocks: u64, unmaps: bool) -> Vec<u8> {
    let mut data = [&blocks.saturating_sub(1).to_be_bytes()[..], &kind.block_size().to_be_bytes()].concat();
    data.resize(14, 0);
    data.push(if unmaps { 0x80 } else { 0 });
    data.resize(32, 0);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_beyond_two_terabytes_is_told_by_the_long_form_only() {
        assert_eq!(short(UnitKind::Disk, 16), [0, 0, 0, 15, 0, 0, 2, 0]);
        assert_eq!(short(UnitKind::Cdrom, 16), [0, 0, 0, 15, 0, 0, 8, 0]);
        assert_eq!(short(UnitKind::Disk, 1 << 33)[..4], [0xff; 4]);
        assert_eq!(
            long(UnitKind::Disk, 1 << 33, true)[..15],
            [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0, 0, 0, 0x80]
        );
        assert_eq!(long(UnitKind::Disk, 1, false).len(), 32);
    }

    #[test]
    fn the_last_block_is_inside_and_the_next_is_not() {
        assert_eq!(check(15, 1, 16), Ok(()));
        assert_eq!(check(16, 0, 16), Ok(()));
        assert_eq!(check(15, 2, 16), Err(Sense::OUT_OF_RANGE));
        assert_eq!(check(u64::MAX, 1, 16), Err(Sense::OUT_OF_RANGE));
    }
}
