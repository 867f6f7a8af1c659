//! Giving blocks back: the parameter list of UNMAP (SBC-3 5.28), and the limits that page B0 tells.

use super::{Sense, capacity};

/// Blocks that one UNMAP may name in all: 1 GiB.
pub(super) const MAX_UNMAP_BLOCKS: u32 = 1 << 21;
/// Ranges that one UNMAP may have.
pub(super) const MAX_UNMAP_RANGES: u32 = 64;
/// Blocks that one WRITE SAME may write: 32 MiB.
pub(super) const MAX_SAME_BLOCKS: u32 = 1 << 16;

const HEADER: usize = 8;
const DESCRIPTOR: usize = 16;
/// Bytes of the longest list.
pub(super) const MAX_LIST: u32 = 8 + 16 * MAX_UNMAP_RANGES;

/// The ranges (first block, count) of `list`, all inside `blocks`; empty ones are left out.
///
/// # Errors
/// The list is cut off, too long, or names blocks that do not exist.
pub(super) fn ranges(list: &[u8], blocks: u64) -> Result<Vec<(u64, u32)>, Sense> {
    let Some((header, rest)) = list.split_at_checked(HEADER) else { return Err(Sense::PARAMETER_LIST_LENGTH) };
    let [_, _, high, low, ..] = header else { return Err(Sense::PARAMETER_LIST_LENGTH) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // A list of part of a descriptor ends before it (SBC-3 5.28.2).
    let descriptors = rest.get(..length).ok_or(Sense::PARAMETER_LIST_LENGTH)?.chunks_exact(DESCRIPTOR);
    let (mut ranges, mut total) = (Vec::new(), 0u32);
    for descriptor in descriptors {
        let number = |at: usize, count: usize| {
            descriptor.iter().skip(at).take(count).fold(0u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let (block, count) = (number(0, 8), u32::try_from(number(8, 4)).unwrap_or(u32::MAX));
        capacity::check(block, count, blocks)?;
        total = total.saturating_add(count);
        if count > 0 {
            ranges.push((block, count));
        }
    }
    let fits = total <= MAX_UNMAP_BLOCKS && u32::try_from(ranges.len()).is_ok_and(|count| count <= MAX_UNMAP_RANGES);
    if fits { Ok(ranges) } else { Err(Sense::BAD_PARAMETER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(length: u16, ranges: &[(u64, u32)]) -> Vec<u8> {
        let mut list = vec![0, 0];
        list.extend_from_slice(&length.to_be_bytes());
        list.resize(HEADER, 0);
        for (block, count) in ranges {
            list.extend_from_slice(&block.to_be_bytes());
            list.extend_from_slice(&count.to_be_bytes());
            list.extend_from_slice(&[0; 4]);
        }
        list
    }

    #[test]
    fn ranges_inside_the_disk_are_taken_in_their_order() {
        assert_eq!(ranges(&list(48, &[(8, 2), (5, 0), (0, 1)]), 10), Ok(vec![(8, 2), (0, 1)]));
        assert_eq!(ranges(&list(31, &[(8, 2), (0, 1)]), 10), Ok(vec![(8, 2)]), "half a descriptor");
        assert_eq!(ranges(&list(0, &[]), 10), Ok(vec![]));
    }

    #[test]
    fn lists_that_lie_are_refused() {
        assert_eq!(ranges(&list(16, &[(9, 2)]), 10), Err(Sense::OUT_OF_RANGE));
        assert_eq!(ranges(&list(16, &[(u64::MAX, 2)]), 10), Err(Sense::OUT_OF_RANGE));
        assert_eq!(ranges(&list(32, &[(0, 1)]), 10), Err(Sense::PARAMETER_LIST_LENGTH));
        assert_eq!(ranges(&[0; 7], 10), Err(Sense::PARAMETER_LIST_LENGTH));
        assert_eq!(ranges(&list(16, &[(0, u32::MAX)]), u64::MAX), Err(Sense::BAD_PARAMETER));
        assert_eq!(ranges(&list(65 * 16, &[(0, 1); 65]), 10), Err(Sense::BAD_PARAMETER));
    }
}
