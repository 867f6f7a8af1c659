//! The gate against a naive model, rule by rule and with arbitrary tables.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;
use crate::virtio::testing::{Driver, NEXT, Snapshot, TestMemory, TestRam, WRITE, descriptor, is_memory, ram};
use proptest::prelude::*;
use std::sync::Arc;
use vm_memory::GuestMemoryBackend;
use vm_memory::bitmap::Bitmap;

const SIZE: u16 = 8;
const INDIRECT: u16 = 4;
/// Where tests put an indirect table: in the second region, which the other ranges of most tests leave alone.
const INDIRECT_TABLE: u64 = 0xf000;

/// Address, length, flags, next.
type Fields = (u64, u32, u16, u16);

fn table(memory: &TestMemory, fields: &[Fields]) {
    let driver = Driver::new(Arc::clone(memory), SIZE);
    for (index, (address, length, flags, next)) in (0..).zip(fields) {
        driver.set(index, descriptor(*address, *length, *flags, *next));
    }
}

fn walk(memory: &TestMemory, head: u16) -> Result<Chain<TestMemory>, ChainError> {
    Chain::walk(memory, GuestAddress(Driver::DESCRIPTORS), SIZE, head, true)
}

fn walked(fields: &[Fields]) -> Result<Chain<TestMemory>, ChainError> {
    let memory = ram();
    table(&memory, fields);
    walk(&memory, 0)
}

fn dirty_pages(ram: &TestRam) -> Vec<u64> {
    (0..16)
        .map(|page| page * 0x1000)
        .filter(|address| {
            ram.to_region_addr(GuestAddress(*address)).is_some_and(|(region, offset)| {
                vm_memory::GuestMemoryRegion::bitmap(region).dirty_at(offset.0 as usize)
            })
        })
        .collect()
}

#[test]
fn a_chain_gives_its_ranges_in_order() {
    let chain =
        walked(&[(0x4000, 16, NEXT, 3), (0, 0, 0, 0), (0x5000, 1, WRITE, 0), (0x4100, 4, NEXT | WRITE, 2)]).unwrap();
    assert_eq!((chain.head(), chain.readable.len(), chain.writable.len()), (0, 16, 5));
    let ranges: Vec<_> = chain.writable.spans.cut(0, 5).unwrap().collect();
    assert_eq!(ranges, [(GuestAddress(0x4100), 4), (GuestAddress(0x5000), 1)]);
}

#[test]
fn a_chain_may_have_as_many_descriptors_as_the_table_and_not_one_more() {
    let full: Vec<Fields> =
        (0..SIZE).map(|index| (0x4000, 8, if index < SIZE - 1 { NEXT } else { 0 }, index + 1)).collect();
    assert_eq!(walked(&full).unwrap().readable.len(), 64);
    let mut endless = full.clone();
    endless[7] = (0x4000, 8, NEXT, 7);
    assert!(matches!(walked(&endless), Err(ChainError::Loop { head: 0 })));
    assert!(matches!(walked(&[(0x4000, 8, NEXT, 0)]), Err(ChainError::Loop { head: 0 })));
}

#[test]
fn an_index_beyond_the_table_is_refused() {
    let memory = ram();
    table(&memory, &[(0x4000, 8, NEXT, SIZE)]);
    assert!(matches!(walk(&memory, 0), Err(ChainError::NoSuchDescriptor { index: SIZE, size: SIZE })));
    assert!(matches!(walk(&memory, SIZE), Err(ChainError::NoSuchDescriptor { .. })));
    assert!(matches!(walk(&memory, u16::MAX), Err(ChainError::NoSuchDescriptor { .. })));
}

#[test]
fn a_readable_descriptor_after_a_writable_one_is_refused() {
    let chain = walked(&[(0x4000, 8, NEXT | WRITE, 1), (0x4100, 8, 0, 0)]);
    assert!(matches!(chain, Err(ChainError::Order { index: 1 })));
}

#[test]
fn an_empty_descriptor_is_refused() {
    assert!(matches!(walked(&[(0x4000, 0, 0, 0)]), Err(ChainError::Empty { index: 0 })));
}

/// Writes an indirect table to [`INDIRECT_TABLE`].
fn indirect_table(memory: &TestMemory, fields: &[Fields]) {
    for (index, (address, length, flags, next)) in (0..).zip(fields) {
        let place = GuestAddress(INDIRECT_TABLE + 16 * index);
        memory.write_obj(descriptor(*address, *length, *flags, *next), place).unwrap();
    }
}

#[test]
fn a_chain_goes_on_in_an_indirect_table_of_any_order_and_length() {
    let memory = ram();
    table(&memory, &[(0x4000, 8, NEXT, 1), (INDIRECT_TABLE, 3 * 16, INDIRECT | WRITE, 0)]);
    indirect_table(&memory, &[(0x4100, 4, NEXT, 2), (0x5000, 2, WRITE, 0), (0x4200, 1, NEXT, 1)]);
    let chain = walk(&memory, 0).unwrap();
    assert_eq!((chain.head(), chain.readable.len(), chain.writable.len()), (0, 13, 2));
    let ranges: Vec<_> = chain.readable.spans.cut(0, 13).unwrap().collect();
    assert_eq!(ranges, [(GuestAddress(0x4000), 8), (GuestAddress(0x4100), 4), (GuestAddress(0x4200), 1)]);

    // Longer than the queue.
    let long: Vec<Fields> = (0..40).map(|index| (0x4000, 8, if index < 39 { NEXT } else { 0 }, index + 1)).collect();
    indirect_table(&memory, &long);
    table(&memory, &[(INDIRECT_TABLE, 40 * 16, INDIRECT, 0)]);
    assert_eq!(walk(&memory, 0).unwrap().readable.len(), 320);
}

#[test]
fn an_indirect_table_that_breaks_a_rule_is_refused() {
    let memory = ram();
    let refused = |fields: &[Fields], inner: &[Fields]| {
        table(&memory, fields);
        indirect_table(&memory, inner);
        walk(&memory, 0).err().unwrap()
    };
    let good = [(0x4000, 8, 0, 0)];
    let one = (INDIRECT_TABLE, 16, INDIRECT, 0);
    assert!(matches!(
        refused(&[(one.0, one.1, INDIRECT | NEXT, 1), good[0]], &good),
        ChainError::Indirect { index: 0 }
    ));
    assert!(matches!(refused(&[one], &[one]), ChainError::Indirect { index: 0 }));
    let two = (INDIRECT_TABLE, 32, INDIRECT, 0);
    assert!(matches!(refused(&[two], &[(0x4000, 8, NEXT, 2)]), ChainError::NoSuchDescriptor { index: 2, size: 2 }));
    assert!(matches!(refused(&[one], &[(0x4000, 8, NEXT, 0)]), ChainError::Loop { head: 0 }));
    assert!(matches!(refused(&[(0x9000, 16, INDIRECT, 0)], &good), ChainError::Unreadable { index: 0, .. }));
    for length in [0, 15, 17, 16 * (u32::from(MAX_INDIRECT) + 1), u32::MAX - 15] {
        let error = refused(&[(INDIRECT_TABLE, length, INDIRECT, 0)], &good);
        assert!(matches!(error, ChainError::IndirectLength { index: 0, .. }), "{length}: {error}");
    }
    table(&memory, &[one]);
    indirect_table(&memory, &good);
    walk(&memory, 0).unwrap();
    let not_negotiated = Chain::walk(&memory, GuestAddress(Driver::DESCRIPTORS), SIZE, 0, false);
    assert!(matches!(not_negotiated, Err(ChainError::Indirect { index: 0 })));
}

#[test]
fn a_range_that_is_not_all_memory_is_refused_to_the_byte() {
    for (address, length, fits) in [
        (0x7ff0, 0x10, true),
        (0x7ff0, 0x11, false),
        (0x8000, 1, false),
        (0x9fff, 1, false),
        (0x9fff, 2, false),
        (0xa000, 0x6000, true),
        (0xa000, 0x6001, false),
        (0, 0x8000, true),
        (0, u32::MAX, false),
        (u64::MAX, 1, false),
        (u64::MAX, 2, false),
        (u64::MAX - 0xff, 0x200, false),
    ] {
        for flags in [0, WRITE] {
            assert_eq!(walked(&[(address, length, flags, 0)]).is_ok(), fits, "{address:#x} {length:#x}");
        }
    }
}

#[test]
fn a_chain_of_4_gib_is_refused_although_each_part_is_memory() {
    // Guest memory that is an image of little host memory, as far as checks go: the kernel commits no page of it.
    let big = Arc::new(TestRam::from_ranges(&[(GuestAddress(0), 0x8000_0000)]).unwrap());
    let driver = Driver::new(Arc::clone(&big), SIZE);
    driver.set(0, descriptor(0, 0x8000_0000, NEXT, 1));
    driver.set(1, descriptor(0, 0x7fff_ffff, 0, 0));
    assert_eq!(walk(&big, 0).unwrap().readable.len(), u32::MAX);
    driver.set(1, descriptor(0, 0x8000_0000, 0, 0));
    assert!(matches!(walk(&big, 0), Err(ChainError::TooLong { head: 0 })));
}

#[test]
fn a_table_outside_memory_is_an_error() {
    let memory = ram();
    let outside = Chain::walk(&memory, GuestAddress(0x9000), SIZE, 0, true);
    assert!(matches!(outside, Err(ChainError::Unreadable { index: 0, .. })));
    let wrapping = Chain::walk(&memory, GuestAddress(u64::MAX - 0xf), SIZE, 1, true);
    assert!(matches!(wrapping, Err(ChainError::NoSuchDescriptor { index: 1, .. })));
}

#[test]
fn bytes_are_read_and_written_across_descriptors() {
    let memory = ram();
    table(&memory, &[(0x4000, 3, NEXT, 1), (0x4100, 2, NEXT, 2), (0x5000, 2, NEXT | WRITE, 3), (0xa000, 3, WRITE, 0)]);
    memory.write_slice(&[1, 2, 3], GuestAddress(0x4000)).unwrap();
    memory.write_slice(&[4, 5], GuestAddress(0x4100)).unwrap();
    let mut chain = walk(&memory, 0).unwrap();
    let mut data = [0; 4];
    chain.readable.read(1, &mut data).unwrap();
    assert_eq!(data, [2, 3, 4, 5]);
    assert!(chain.readable.read(2, &mut data).is_err());
    assert!(chain.readable.read(5, &mut []).is_ok());
    assert!(chain.readable.read(6, &mut []).is_err());

    chain.writable.write(1, &[7, 8, 9]).unwrap();
    let mut ends = [0; 5];
    memory.read_slice(&mut ends[..2], GuestAddress(0x5000)).unwrap();
    memory.read_slice(&mut ends[2..], GuestAddress(0xa000)).unwrap();
    assert_eq!(ends, [0, 7, 8, 9, 0]);
    assert!(chain.writable.write(3, &[0; 3]).is_err());
    assert_eq!(chain.readable.source(0, 5).unwrap().len(), 5);
    assert!(chain.readable.source(1, 5).is_err());
    assert!(chain.writable.sink(1, 5).is_err());
    assert!(!chain.readable.is_empty() && !chain.writable.is_empty());
}

#[test]
fn an_empty_side_says_so() {
    let chain = walked(&[(0x4000, 3, 0, 0)]).unwrap();
    assert!(chain.writable.is_empty() && !chain.readable.is_empty());
    let chain = walked(&[(0x4000, 3, WRITE, 0)]).unwrap();
    assert!(chain.readable.is_empty() && !chain.writable.is_empty());
}

#[test]
fn what_the_kernel_may_have_written_is_marked_when_the_guard_goes() {
    let memory = ram();
    table(&memory, &[(0x4000, 0x1800, NEXT | WRITE, 1), (0xa800, 0x1000, WRITE, 0)]);
    let mut chain = walk(&memory, 0).unwrap();
    Snapshot::take(&memory);
    let sink = chain.writable.sink(0x1000, 0x900).unwrap();
    assert_eq!(sink.len(), 0x900);
    assert_eq!(dirty_pages(&memory), [0; 0], "not before the request is complete");
    drop(sink);
    drop(chain);
    assert_eq!(dirty_pages(&memory), [0x5000, 0xa000]);
}

#[test]
fn two_operations_on_one_chain_are_both_marked_and_unused_room_is_not() {
    let memory = ram();
    table(&memory, &[(0x4000, 0x4000, WRITE, 0)]);
    let mut chain = walk(&memory, 0).unwrap();
    Snapshot::take(&memory);
    chain.writable.sink(0x2000, 0x10).unwrap();
    chain.writable.sink(0x1000, 0x10).unwrap();
    drop(chain);
    assert_eq!(dirty_pages(&memory), [0x5000, 0x6000]);
    Snapshot::take(&memory);
    drop(walk(&memory, 0).unwrap());
    assert_eq!(dirty_pages(&memory), [0; 0]);
    walk(&memory, 0).unwrap().writable.write(0xfff, &[1]).unwrap();
    assert_eq!(dirty_pages(&memory), [0x4000], "what we write is marked at once");
}

/// Addresses and lengths.
type Ranges = Vec<(u64, u32)>;

/// The rules once more, as directly as they can be said: `inner` is what stands at [`INDIRECT_TABLE`].
fn model(fields: &[Fields], inner: &[Fields], head: u16) -> Option<(Ranges, Ranges)> {
    let (mut readable, mut writable) = (Vec::new(), Vec::new());
    let (mut index, mut direct, mut table, mut seen) = (head, true, fields, 0);
    while seen < table.len() {
        seen += 1;
        let (address, length, flags, next) = *table.get(usize::from(index))?;
        if flags & INDIRECT != 0 {
            let count = length as usize / 16;
            if !direct || flags & NEXT != 0 || length % 16 != 0 || count == 0 || count > 1024 {
                return None;
            }
            // Whatever else is in memory reads as zeros, or is no valid descriptor.
            table = if address == INDIRECT_TABLE { inner.get(..count)? } else { return None };
            (index, direct, seen) = (0, false, 0);
            continue;
        }
        if length == 0 || !is_memory(address, length.into()) {
            return None;
        }
        if flags & WRITE != 0 {
            writable.push((address, length));
        } else if writable.is_empty() {
            readable.push((address, length));
        } else {
            return None;
        }
        if flags & NEXT == 0 {
            return Some((readable, writable));
        }
        index = next;
    }
    None
}

/// A descriptor that refers to the table, mostly of a length that it has.
fn any_indirect() -> impl Strategy<Value = Fields> {
    let length = prop_oneof![8 => (1u32..=4).prop_map(|count| 16 * count), 1 => 0u32..80];
    let flags = prop_oneof![6 => Just(INDIRECT), 2 => Just(INDIRECT | WRITE), 1 => Just(INDIRECT | NEXT)];
    (Just(INDIRECT_TABLE), length, flags, 0..SIZE)
}

fn any_fields() -> impl Strategy<Value = Fields> {
    let address =
        prop_oneof![8 => 0x4000u64..0x8000, 2 => 0xa000u64..0x10000, 1 => 0x7f00u64..0xa100, 1 => any::<u64>()];
    let length = prop_oneof![8 => 1u32..0x200, 1 => 0u32..2, 1 => any::<u32>()];
    let flags =
        prop_oneof![4 => Just(NEXT), 4 => Just(NEXT | WRITE), 2 => Just(0), 2 => Just(WRITE), 1 => any::<u16>()];
    (address, length, flags, 0..SIZE + 1)
}

proptest! {
    #[test]
    fn any_table_gives_what_the_model_gives(
        fields in prop::collection::vec(prop_oneof![6 => any_fields(), 1 => any_indirect()], usize::from(SIZE)),
        inner in prop::collection::vec(prop_oneof![12 => any_fields(), 1 => any_indirect()], 4),
        head in 0..SIZE + 1,
    ) {
        let memory = ram();
        table(&memory, &fields);
        indirect_table(&memory, &inner);
        let before = Snapshot::take(&memory);
        let chain = walk(&memory, head).ok();
        let spans = |spans: &Spans| {
            let ranges = spans.cut(0, spans.len() as usize).unwrap();
            ranges.map(|(address, length)| (address.0, length as u32)).collect::<Vec<_>>()
        };
        let found = chain.as_ref().map(|chain| (spans(&chain.readable.spans), spans(&chain.writable.spans)));
        prop_assert_eq!(&found, &model(&fields, &inner, head));

        // Whatever is written lands in the writable ranges, and is marked.
        if let (Some(mut chain), Some((_, ranges))) = (chain, found) {
            let room = chain.writable.len() as usize;
            chain.writable.write(0, &vec![0xa5; room]).unwrap();
            prop_assert!(chain.writable.write(1, &vec![0; room]).is_err());
            drop(chain);
            let allowed: Vec<_> = ranges.iter().map(|(start, length)| (*start, u64::from(*length))).collect();
            before.check(&memory, &allowed);
        }
    }
}
