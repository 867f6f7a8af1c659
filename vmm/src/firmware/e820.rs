//! The file `etc/e820`: where RAM is, for firmware to make the guest's memory map of (ACPI 6.5, 15.1).
//!
//! Entries of 20 bytes, little-endian: address, length, kind. What firmware uses or finds itself (its own memory, PCI)
//! is not in it.

use crate::memory::layout::{self, KVM_IDENTITY_MAP, KVM_TSS};
use std::ops::Range;

const RAM: u32 = 1;
const RESERVED: u32 = 2;

/// The file's contents for a machine with `ram_size` bytes.
pub(crate) fn build(ram_size: u64) -> Vec<u8> {
    let ram = layout::ram_ranges(ram_size).into_iter().map(|range| (range, RAM));
    let kvm = KVM_IDENTITY_MAP.start..KVM_TSS.end;
    ram.chain([(kvm, RESERVED)]).flat_map(|(range, kind)| entry(&range, kind)).collect()
}

fn entry(range: &Range<u64>, kind: u32) -> Vec<u8> {
    let mut bytes = range.start.to_le_bytes().to_vec();
    bytes.extend((range.end - range.start).to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    fn entries(ram_size: u64) -> Vec<(u64, u64, u32)> {
        let file = build(ram_size);
        let entries = file.chunks(20).map(|entry| {
            let number = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().unwrap());
            (number(0), number(8), u32::from_le_bytes(entry[16..].try_into().unwrap()))
        });
        entries.collect()
    }

    #[test]
    fn all_ram_is_told_and_what_kvm_needs_is_reserved() {
        let kvm = (0xfeff_c000, 0x4000, 2);
        assert_eq!(entries(GIB), [(0, GIB, 1), kvm]);
        assert_eq!(entries(5 * GIB), [(0, 2 * GIB, 1), (4 * GIB, 3 * GIB, 1), kvm]);
    }

    #[test]
    fn the_pages_of_kvm_are_neighbours() {
        assert_eq!(KVM_IDENTITY_MAP.end, KVM_TSS.start);
    }

    proptest! {
        #[test]
        fn all_of_any_ram_is_told_once(pages in 4096u64..1 << 30) {
            let mut found = entries(pages << 12);
            prop_assert_eq!(found.iter().filter(|entry| entry.2 == RAM).map(|entry| entry.1).sum::<u64>(), pages << 12);
            found.sort_unstable();
            prop_assert!(found.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
        }
    }
}
