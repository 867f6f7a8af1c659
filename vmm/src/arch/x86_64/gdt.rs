//! The descriptor table that the boot vCPU starts with.
//!
//! The selectors are those of Linux's boot protocol (`__BOOT_CS` 0x10, `__BOOT_DS` 0x18); a PVH kernel gets the same
//! with a 32-bit code segment. Descriptors: Intel SDM volume 3, 3.4.5 and 7.2.

use kvm_bindings::kvm_segment;

/// Selector of the code segment.
const CODE: u16 = 0x10;
/// Selector of the data segment.
const DATA: u16 = 0x18;
/// Selector of the task state segment, which takes two entries.
const TASK: u16 = 0x20;
/// Entries of the table.
pub(super) const ENTRIES: usize = 6;

const EXECUTE_READ_ACCESSED: u8 = 0xb;
const READ_WRITE_ACCESSED: u8 = 0x3;
const BUSY_TSS: u8 = 0xb;

/// Code that spans the whole address space: 64-bit code if `long`, else 32-bit.
pub(super) fn code(long: bool) -> kvm_segment {
    kvm_segment { selector: CODE, type_: EXECUTE_READ_ACCESSED, db: u8::from(!long), l: u8::from(long), ..flat() }
}

/// Data that spans the whole address space.
pub(super) fn data() -> kvm_segment {
    kvm_segment { selector: DATA, type_: READ_WRITE_ACCESSED, db: 1, ..flat() }
}

/// A task state segment at address 0 that nobody uses: VMX wants a busy one in TR.
pub(super) fn task() -> kvm_segment {
    kvm_segment { selector: TASK, limit: 0x67, type_: BUSY_TSS, present: 1, ..Default::default() }
}

fn flat() -> kvm_segment {
    kvm_segment { limit: u32::MAX, present: 1, s: 1, g: 1, ..Default::default() }
}

/// The table that these segments are loaded from.
pub(super) fn table(long: bool) -> [u64; ENTRIES] {
    [0, 0, descriptor(&code(long)), descriptor(&data()), descriptor(&task()), 0]
}

/// The descriptor that loads `segment`; its base is below 4 GiB.
fn descriptor(segment: &kvm_segment) -> u64 {
    let limit = u64::from(if segment.g == 1 { segment.limit >> 12 } else { segment.limit });
    let access = u64::from(segment.type_ | segment.s << 4 | segment.dpl << 5 | segment.present << 7);
    let flags = u64::from(segment.avl | segment.l << 1 | segment.db << 2 | segment.g << 3);
    (limit & 0xffff)
        | (segment.base & 0x00ff_ffff) << 16
        | access << 40
        | (limit >> 16 & 0xf) << 48
        | flags << 52
        | (segment.base >> 24 & 0xff) << 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_those_that_the_manuals_give() {
        assert_eq!(table(true), [0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x0000_8b00_0000_0067, 0]);
        assert_eq!(table(false)[2], 0x00cf_9b00_0000_ffff);
    }

    #[test]
    fn selectors_index_the_table() {
        for (segment, long) in [(code(true), true), (code(false), false), (data(), true), (task(), true)] {
            assert_eq!(table(long)[usize::from(segment.selector / 8)], descriptor(&segment));
        }
    }

    #[test]
    fn a_base_is_spread_over_its_two_fields() {
        let segment = kvm_segment { base: 0x1234_5678, ..Default::default() };
        assert_eq!(descriptor(&segment), 0x1200_0034_5678_0000);
    }
}
