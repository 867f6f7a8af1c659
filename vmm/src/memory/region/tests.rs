#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::super::layout::{HIGH_RAM_START, LOW_RAM_SPLIT, SPLIT_FROM};
use super::super::{GuestRam, Memory};
use super::*;
use vm_memory::{Bytes, GuestAddressSpace, GuestMemoryBackend};

fn region() -> RamRegion {
    RamRegion::new(0x10_0000..0x10_4000, Backing::Anonymous).unwrap()
}

fn dirty_pages(region: &RamRegion) -> Vec<usize> {
    (0..4).filter(|page| region.dirty().dirty_at(page * 0x1000)).collect()
}

#[test]
fn a_region_knows_where_it_is() {
    let region = region();
    assert_eq!(region.range(), 0x10_0000..0x10_4000);
    assert_eq!((region.start_addr(), region.len()), (GuestAddress(0x10_0000), 0x4000));
    assert_eq!(region.last_addr(), GuestAddress(0x10_3fff));
    assert!(region.file_offset().is_none());
    let shared = RamRegion::new(0..0x1000, Backing::Memfd).unwrap();
    assert_eq!(shared.file_offset().unwrap().start(), 0);
}

#[test]
fn a_range_that_ends_before_it_starts_is_refused() {
    let backwards = Range { start: 0x2000, end: 0x1000 };
    assert!(matches!(RamRegion::new(backwards, Backing::Anonymous), Err(MappingError::NotPages { .. })));
}

#[test]
fn slices_reach_to_the_last_byte_and_no_further() {
    let region = region();
    let slice = |offset, count| region.get_slice(MemoryRegionAddress(offset), count);
    assert_eq!(slice(0, 0x4000).unwrap().len(), 0x4000);
    assert_eq!(slice(0x3fff, 1).unwrap().len(), 1);
    assert_eq!(slice(0x4000, 0).unwrap().len(), 0);
    for (offset, count) in [(0, 0x4001), (0x3fff, 2), (0x4000, 1), (u64::MAX, 1), (1, usize::MAX)] {
        assert!(matches!(slice(offset, count), Err(GuestMemoryError::InvalidBackendAddress)));
    }
}

#[test]
fn writes_are_read_back_and_mark_their_pages() {
    let region = region();
    region.dirty().enable();
    region.write_obj(0x1234_5678_u32, MemoryRegionAddress(0x1ffe)).unwrap();
    assert_eq!(region.read_obj::<u32>(MemoryRegionAddress(0x1ffe)).unwrap(), 0x1234_5678);
    assert_eq!(dirty_pages(&region), [1, 2]);
    assert!(region.bitmap().dirty_at(0x1000) && !region.bitmap().dirty_at(0));
    let slice = region.get_slice(MemoryRegionAddress(0x3000), 0x1000).unwrap();
    slice.write_slice(&[1], 0).unwrap();
    assert_eq!(dirty_pages(&region), [1, 2, 3]);
}

#[test]
fn two_slices_show_the_same_bytes() {
    let region = region();
    let [a, b] = [0x1000, 0].map(|offset| region.get_slice(MemoryRegionAddress(offset), 0x2000).unwrap());
    a.write_obj(7u8, 0x10).unwrap();
    assert_eq!(b.read_obj::<u8>(0x1010).unwrap(), 7);
}

#[test]
fn discarded_and_cleared_pages_read_zero_and_count_as_written() {
    let region = region();
    for page in 0..4 {
        region.write_obj(1u8, MemoryRegionAddress(page * 0x1000)).unwrap();
    }
    region.dirty().enable();
    region.discard(0x1000..0x3000).unwrap();
    assert_eq!(dirty_pages(&region), [1, 2]);
    let bytes = || [0, 1, 2, 3].map(|page| region.read_obj::<u8>(MemoryRegionAddress(page * 0x1000)).unwrap());
    assert_eq!(bytes(), [1, 0, 0, 1]);
    region.clear().unwrap();
    assert_eq!(bytes(), [0; 4]);
    assert_eq!(dirty_pages(&region), [0, 1, 2, 3]);
    assert!(region.discard(0..0x5000).is_err());
}

#[test]
fn ram_of_a_machine_is_one_region_or_two_around_the_hole() {
    let ranges = |size| -> Vec<Range<u64>> {
        RamRegion::ram(size, Backing::Anonymous).unwrap().iter().map(|region| region.range()).collect()
    };
    assert_eq!(ranges(16 << 20), vec![Range { start: 0, end: 16 << 20 }]);
    assert_eq!(ranges(SPLIT_FROM), [0..LOW_RAM_SPLIT, HIGH_RAM_START..HIGH_RAM_START + SPLIT_FROM - LOW_RAM_SPLIT]);
}

#[test]
fn too_much_ram_is_an_error_that_names_all_of_it() {
    for size in [1 << 60, u64::MAX - 0xfff] {
        let error = RamRegion::ram(size, Backing::Anonymous).unwrap_err();
        assert!(matches!(error, MappingError::TooLarge { size: named, .. } if named == size), "{error}");
    }
    assert!(matches!(RamRegion::ram(0x1001, Backing::Anonymous), Err(MappingError::NotPages { .. })));
}

#[test]
fn devices_reach_ram_through_the_atomic_collection_from_any_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    let regions = RamRegion::ram(SPLIT_FROM, Backing::Anonymous).unwrap();
    let memory = Memory::new(GuestRam::from_arc_regions(regions).unwrap());
    shared(&memory);
    let ram = memory.memory();
    for address in [0, LOW_RAM_SPLIT - 8, HIGH_RAM_START] {
        ram.write_obj(address, GuestAddress(address)).unwrap();
        assert_eq!(ram.read_obj::<u64>(GuestAddress(address)).unwrap(), address);
    }
    assert!(ram.write_obj(0u64, GuestAddress(LOW_RAM_SPLIT - 4)).is_err());
    assert!(ram.write_obj(0u8, GuestAddress(LOW_RAM_SPLIT)).is_err());
    assert!(ram.write_obj(0u8, GuestAddress(HIGH_RAM_START - 1)).is_err());
    assert_eq!(ram.num_regions(), 2);
}
