#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::super::RamRegion;
use super::*;
use crate::config::Backing;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

/// Pages of the model's address space, and of each region.
const PAGES: u64 = 16;

static REGIONS: LazyLock<[Arc<RamRegion>; 2]> = LazyLock::new(|| {
    let region = || Arc::new(RamRegion::new(0..PAGES * PAGE_SIZE, Backing::Anonymous).unwrap());
    [region(), region()]
});

fn region(index: usize) -> Arc<RamRegion> {
    Arc::clone(&REGIONS[index])
}

fn pages(range: Range<u64>) -> Range<u64> {
    range.start * PAGE_SIZE..range.end * PAGE_SIZE
}

fn ram(range: Range<u64>, index: usize, offset: u64) -> AddressRange {
    AddressRange { range: pages(range), kind: Kind::Ram { region: region(index), offset: offset * PAGE_SIZE } }
}

fn rom(range: Range<u64>, index: usize, offset: u64) -> AddressRange {
    AddressRange { range: pages(range), kind: Kind::Rom { region: region(index), offset: offset * PAGE_SIZE } }
}

fn hole(range: Range<u64>) -> AddressRange {
    AddressRange { range: pages(range), kind: Kind::Hole }
}

/// What one page of the guest is made of: region, page of the region, read-only.
type Page = Option<(usize, u64, bool)>;

fn index_of(region: &Arc<RamRegion>) -> usize {
    REGIONS.iter().position(|known| Arc::ptr_eq(known, region)).unwrap()
}

/// The naive model: every page asks every range.
fn model(ranges: &[AddressRange]) -> Vec<Page> {
    let page = |page: u64| {
        let address = page * PAGE_SIZE;
        let winner = ranges.iter().rfind(|entry| entry.range.contains(&address))?;
        let (region, offset, readonly) = match &winner.kind {
            Kind::Ram { region, offset } => (region, offset, false),
            Kind::Rom { region, offset } | Kind::RomDevice { region, offset } => (region, offset, true),
            Kind::Mmio | Kind::Hole => return None,
        };
        Some((index_of(region), (offset + address - winner.range.start) / PAGE_SIZE, readonly))
    };
    (0..PAGES).map(page).collect()
}

/// What the guest sees through a slot table, which must be free of overlaps.
fn view<'a>(slots: impl IntoIterator<Item = &'a Slot>) -> Vec<Page> {
    let mut seen = vec![None; PAGES as usize];
    for slot in slots {
        for page in 0..slot.len() / PAGE_SIZE {
            let cell = &mut seen[(slot.range.start / PAGE_SIZE + page) as usize];
            assert_eq!(*cell, None, "two slots at one page");
            *cell = Some((index_of(&slot.region), slot.offset / PAGE_SIZE + page, slot.readonly));
        }
    }
    seen
}

fn execute(table: &mut SlotTable, plan: &Plan) {
    for change in &plan.changes {
        match change {
            Change::Remove(id) => assert!(table.remove(id).is_some(), "slot {id} does not exist"),
            Change::Create(id, slot) => assert!(table.insert(*id, slot.clone()).is_none(), "slot {id} is in use"),
            Change::Relog(id, slot) => assert!(same_memory(&table.insert(*id, slot.clone()).unwrap(), slot)),
        }
        view(table.values());
    }
}

fn table(ranges: &[AddressRange]) -> SlotTable {
    let mut slots = SlotTable::new();
    execute(&mut slots, &plan(&SlotTable::new(), &flatten(ranges, false).unwrap()));
    slots
}

fn change_to(current: &SlotTable, ranges: &[AddressRange]) -> Plan {
    plan(current, &flatten(ranges, false).unwrap())
}

fn ids(table: &SlotTable) -> Vec<u32> {
    table.keys().map(|id| id.0).collect()
}

#[test]
fn nothing_to_do_is_an_empty_plan() {
    let list = [ram(0..8, 0, 0)];
    let plan = change_to(&table(&list), &list);
    assert!(plan.changes.is_empty() && !plan.needs_barrier());
}

#[test]
fn adding_a_slot_needs_no_barrier_and_leaves_the_others_alone() {
    let current = table(&[ram(0..4, 0, 0)]);
    let plan = change_to(&current, &[ram(0..4, 0, 0), ram(8..12, 1, 0)]);
    assert!(matches!(&plan.changes[..], [Change::Create(SlotId(1), slot)] if slot.range == pages(8..12)));
    assert!(!plan.needs_barrier());
}

#[test]
fn a_read_only_hole_in_ram_is_a_removal_and_three_creations_behind_the_barrier() {
    let current = table(&[ram(0..8, 0, 0)]);
    let plan = change_to(&current, &[ram(0..8, 0, 0), rom(3..5, 0, 3)]);
    let [
        Change::Remove(SlotId(0)),
        Change::Create(SlotId(0), a),
        Change::Create(SlotId(1), b),
        Change::Create(SlotId(2), c),
    ] = &plan.changes[..]
    else {
        panic!("{plan:?}")
    };
    assert_eq!([&a.range, &b.range, &c.range], [&pages(0..3), &pages(3..5), &pages(5..8)]);
    assert_eq!([a.readonly, b.readonly, c.readonly], [false, true, false]);
    assert_eq!([a.offset, b.offset, c.offset], [0, 3 * PAGE_SIZE, 5 * PAGE_SIZE]);
    assert!(plan.needs_barrier());
}

#[test]
fn ram_that_is_whole_again_is_one_slot_again() {
    let current = table(&[ram(0..8, 0, 0), rom(3..5, 0, 3)]);
    assert_eq!(ids(&current), [0, 1, 2]);
    let plan = change_to(&current, &[ram(0..8, 0, 0)]);
    assert!(matches!(
        &plan.changes[..],
        [Change::Remove(_), Change::Remove(_), Change::Remove(_), Change::Create(SlotId(0), slot)]
            if slot.range == pages(0..8)
    ));
}

#[test]
fn numbers_of_removed_slots_are_used_again_lowest_first() {
    let mut slots = table(&[ram(0..1, 0, 0), ram(2..3, 0, 2), ram(4..5, 0, 4)]);
    let plan = change_to(&slots, &[ram(0..1, 0, 0), ram(4..5, 0, 4), ram(6..7, 0, 6), ram(8..9, 0, 8)]);
    execute(&mut slots, &plan);
    assert_eq!(ids(&slots), [0, 1, 2, 3]);
    assert_eq!(slots[&SlotId(1)].range, pages(6..7));
    assert_eq!(slots[&SlotId(2)].range, pages(4..5));
}

#[test]
fn ranges_that_continue_each_other_merge_and_others_do_not() {
    let count = |list: &[AddressRange]| flatten(list, false).unwrap().len();
    assert_eq!(count(&[ram(0..2, 0, 0), ram(2..4, 0, 2)]), 1);
    assert_eq!(count(&[ram(0..2, 0, 0), ram(2..4, 0, 3)]), 2, "a gap in the region");
    assert_eq!(count(&[ram(0..2, 0, 0), ram(2..4, 1, 2)]), 2, "another region");
    assert_eq!(count(&[ram(0..2, 0, 0), ram(3..4, 0, 2)]), 2, "a gap in the guest");
    assert_eq!(count(&[ram(0..2, 0, 0), rom(2..4, 0, 2)]), 2, "other rights");
    let device =
        AddressRange { range: pages(2..4), kind: Kind::RomDevice { region: region(0), offset: 2 * PAGE_SIZE } };
    assert_eq!(count(&[rom(0..2, 0, 0), device]), 1, "KVM does not tell a ROM from a ROM device");
}

#[test]
fn a_device_takes_the_pages_of_the_ram_below_it() {
    let mmio = AddressRange { range: pages(2..3), kind: Kind::Mmio };
    let slots = flatten(&[ram(0..4, 0, 0), mmio], true).unwrap();
    assert_eq!(slots.iter().map(|slot| slot.range.clone()).collect::<Vec<_>>(), [pages(0..2), pages(3..4)]);
    assert!(slots.iter().all(|slot| slot.log_dirty));
}

#[test]
fn the_dirty_log_changes_in_place() {
    let current = table(&[ram(0..4, 0, 0)]);
    let plan = plan(&current, &flatten(&[ram(0..4, 0, 0)], true).unwrap());
    assert!(matches!(&plan.changes[..], [Change::Relog(SlotId(0), slot)] if slot.log_dirty));
    assert!(!plan.needs_barrier());
}

#[test]
fn another_region_offset_or_right_at_the_same_place_replaces_the_slot() {
    let current = table(&[ram(0..4, 0, 0)]);
    for other in [ram(0..4, 1, 0), ram(0..4, 0, 1), rom(0..4, 0, 0), ram(0..3, 0, 0)] {
        let plan = change_to(&current, &[other]);
        assert!(matches!(&plan.changes[..], [Change::Remove(_), Change::Create(..)]), "{plan:?}");
    }
}

#[test]
fn ranges_that_are_not_whole_pages_are_refused() {
    let raw = |range: Range<u64>, offset| AddressRange { range, kind: Kind::Ram { region: region(0), offset } };
    for bad in [raw(1..PAGE_SIZE, 0), raw(0..PAGE_SIZE + 1, 0), raw(0..PAGE_SIZE, 1)] {
        assert!(matches!(flatten(&[bad], false), Err(RangeError::NotPages { .. })));
    }
    let backwards = Range { start: 2 * PAGE_SIZE, end: PAGE_SIZE };
    let backwards = AddressRange { range: backwards, kind: Kind::Hole };
    assert!(matches!(flatten(&[backwards], false), Err(RangeError::NotPages { .. })));
    assert!(flatten(&[raw(PAGE_SIZE..PAGE_SIZE, 0)], false).unwrap().is_empty());
}

#[test]
fn a_range_may_use_its_region_to_the_last_page_and_no_further() {
    assert!(flatten(&[ram(100..100 + PAGES, 0, 0)], false).is_ok());
    assert!(flatten(&[ram(0..1, 0, PAGES - 1)], false).is_ok());
    for bad in [ram(0..PAGES + 1, 0, 0), ram(0..2, 0, PAGES - 1), ram(0..1, 0, (u64::MAX / PAGE_SIZE) - 1)] {
        assert!(matches!(flatten(&[bad], false), Err(RangeError::BeyondRegion { .. })));
    }
}

fn entry() -> impl Strategy<Value = AddressRange> {
    (0..PAGES, 0..=PAGES, 0..2usize, 0..PAGES, 0..8u8).prop_map(|(start, len, index, offset, kind)| {
        let end = (start + len).min(PAGES).min(start + PAGES - offset);
        match kind {
            // Mostly what merges with its neighbours: offset equal to the address.
            0..=2 => ram(start..end.max(start), index, if kind == 0 { offset } else { start }),
            3 | 4 => rom(start..end, index, if kind == 3 { offset } else { start }),
            5 => AddressRange {
                range: pages(start..end),
                kind: Kind::RomDevice { region: region(index), offset: offset * PAGE_SIZE },
            },
            6 => AddressRange { range: pages(start..end), kind: Kind::Mmio },
            _ => hole(start..end),
        }
    })
}

proptest! {
    #[test]
    fn any_list_after_any_list_gives_the_guest_what_the_naive_model_says(
        lists in prop::collection::vec((prop::collection::vec(entry(), 0..6), any::<bool>()), 1..4),
    ) {
        let mut slots = SlotTable::new();
        for (list, log_dirty) in &lists {
            let desired = flatten(list, *log_dirty).unwrap();
            let plan = plan(&slots, &desired);
            let before = slots.clone();
            execute(&mut slots, &plan);
            prop_assert_eq!(view(slots.values()), model(list));
            prop_assert!(slots.values().all(|slot| slot.log_dirty == *log_dirty));
            // The fewest slots: no two could be one.
            let mut sorted: Vec<&Slot> = slots.values().collect();
            sorted.sort_by_key(|slot| slot.range.start);
            for pair in sorted.windows(2) {
                let [a, b] = pair else { unreachable!() };
                prop_assert!(!(a.range.end == b.range.start && a.readonly == b.readonly
                    && Arc::ptr_eq(&a.region, &b.region) && a.offset + a.len() == b.offset));
            }
            // The fewest changes: a slot that is wanted as it is stays.
            for change in &plan.changes {
                if let Change::Remove(id) = change {
                    prop_assert!(!desired.iter().any(|slot| same_memory(slot, &before[id])));
                }
            }
            // The lowest numbers.
            let most = before.len().max(slots.len());
            prop_assert!(slots.keys().all(|id| (id.0 as usize) < most));
        }
    }
}
