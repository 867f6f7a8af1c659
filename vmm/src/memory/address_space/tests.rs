#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::super::RamRegion;
use super::super::layout::PAGE_SIZE;
use super::super::range::Kind;
use super::*;
use crate::config::Backing;
use std::collections::BTreeMap;
use std::error::Error;
use vm_memory::bitmap::Bitmap;

/// A hypervisor with KVM's rules: no overlap, no change of a slot but its log flag.
#[derive(Default)]
struct Fake {
    slots: Mutex<BTreeMap<SlotId, Slot>>,
    calls: Mutex<Vec<String>>,
    /// Calls that fail, by their number.
    fail: Mutex<Vec<usize>>,
    dirty: Mutex<BTreeMap<SlotId, Vec<u64>>>,
    held: Mutex<u32>,
}

impl Fake {
    fn call(&self, text: String) -> Result<(), SlotError> {
        let mut calls = self.calls.lock().unwrap();
        let number = calls.len();
        calls.push(text);
        if self.fail.lock().unwrap().contains(&number) { Err("out of slots".into()) } else { Ok(()) }
    }

    fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn fail_calls(&self, numbers: &[usize]) {
        *self.fail.lock().unwrap() = numbers.to_vec();
    }

    fn ranges(&self) -> Vec<(Range<u64>, bool)> {
        let slots = self.slots.lock().unwrap();
        let mut ranges: Vec<_> = slots.values().map(|slot| (slot.range.clone(), slot.readonly)).collect();
        ranges.sort_by_key(|(range, _)| range.start);
        ranges
    }
}

impl MemorySlots for Fake {
    fn set(&self, id: SlotId, slot: &Slot) -> Result<(), SlotError> {
        self.call(format!("set {id} {}", slot.range.start / PAGE_SIZE))?;
        let mut slots = self.slots.lock().unwrap();
        for (other, existing) in slots.iter() {
            if *other == id {
                assert!(plan::same_memory(existing, slot), "slot {id} cannot be changed in place");
            } else {
                assert!(existing.range.end <= slot.range.start || slot.range.end <= existing.range.start);
            }
        }
        slots.insert(id, slot.clone());
        Ok(())
    }

    fn remove(&self, id: SlotId) -> Result<(), SlotError> {
        self.call(format!("remove {id}"))?;
        assert!(self.slots.lock().unwrap().remove(&id).is_some());
        Ok(())
    }

    fn dirty_log(&self, id: SlotId, _slot: &Slot) -> Result<Vec<u64>, SlotError> {
        self.call(format!("log {id}"))?;
        Ok(self.dirty.lock().unwrap().remove(&id).unwrap_or_default())
    }
}

impl VcpuBarrier for Fake {
    fn hold(&self) -> BarrierGuard<'_> {
        *self.held.lock().unwrap() += 1;
        self.calls.lock().unwrap().push("hold".into());
        BarrierGuard::new(|| {
            *self.held.lock().unwrap() -= 1;
            self.calls.lock().unwrap().push("release".into());
        })
    }
}

#[derive(Default)]
struct Ear(Mutex<Vec<(Vec<u64>, Vec<u64>)>>);

impl AddressSpaceListener for Ear {
    fn slots_changed(&self, removed: &[Slot], added: &[Slot]) {
        let starts = |slots: &[Slot]| slots.iter().map(|slot| slot.range.start / PAGE_SIZE).collect();
        self.0.lock().unwrap().push((starts(removed), starts(added)));
    }
}

struct Fixture {
    fake: Arc<Fake>,
    space: AddressSpace,
    region: Arc<RamRegion>,
}

impl Fixture {
    /// 16 pages of RAM, committed; vCPUs exist.
    fn new() -> Self {
        let fake = Arc::new(Fake::default());
        let region = Arc::new(RamRegion::new(0..16 * PAGE_SIZE, Backing::Anonymous).unwrap());
        let space = AddressSpace::new(Arc::clone(&fake) as Arc<dyn MemorySlots>);
        space.commit(&[AddressRange::ram(&region)]).unwrap();
        space.set_barrier(Arc::clone(&fake) as Arc<dyn VcpuBarrier>);
        assert_eq!(fake.take_calls(), ["set 0 0"]);
        Self { fake, space, region }
    }

    fn ram(&self) -> AddressRange {
        AddressRange::ram(&self.region)
    }

    fn rom(&self, pages: Range<u64>) -> AddressRange {
        let range = pages.start * PAGE_SIZE..pages.end * PAGE_SIZE;
        let offset = range.start;
        AddressRange { range, kind: Kind::Rom { region: Arc::clone(&self.region), offset } }
    }

    fn elsewhere(&self, page: u64) -> AddressRange {
        let range = page * PAGE_SIZE..(page + 1) * PAGE_SIZE;
        AddressRange { range, kind: Kind::Ram { region: Arc::clone(&self.region), offset: 0 } }
    }
}

#[test]
fn a_split_happens_while_the_vcpus_are_held() {
    let f = Fixture::new();
    f.space.commit(&[f.ram(), f.rom(4..6)]).unwrap();
    assert_eq!(f.fake.take_calls(), ["hold", "remove 0", "set 0 0", "set 1 4", "set 2 6", "release"]);
    assert_eq!(f.fake.ranges(), [(0..0x4000, false), (0x4000..0x6000, true), (0x6000..0x1_0000, false)]);
    assert_eq!(*f.fake.held.lock().unwrap(), 0);
}

#[test]
fn an_addition_holds_nobody() {
    let f = Fixture::new();
    f.space.commit(&[f.ram(), f.elsewhere(100)]).unwrap();
    assert_eq!(f.fake.take_calls(), ["set 1 100"]);
}

#[test]
fn the_same_list_again_calls_nobody() {
    let f = Fixture::new();
    f.space.commit(&[f.ram()]).unwrap();
    assert!(f.fake.take_calls().is_empty());
}

#[test]
fn before_there_are_vcpus_nobody_is_held() {
    let fake = Arc::new(Fake::default());
    let region = Arc::new(RamRegion::new(0..PAGE_SIZE, Backing::Anonymous).unwrap());
    let space = AddressSpace::new(Arc::clone(&fake) as Arc<dyn MemorySlots>);
    space.commit(&[AddressRange::ram(&region)]).unwrap();
    space.commit(&[]).unwrap();
    assert_eq!(fake.take_calls(), ["set 0 0", "remove 0"]);
    assert!(space.slots().is_empty());
}

#[test]
fn dirty_bits_of_a_slot_that_goes_are_collected_first() {
    let f = Fixture::new();
    f.space.commit(&[f.elsewhere(100), f.rom(4..6)]).unwrap();
    f.space.set_dirty_log(true).unwrap();
    f.fake.take_calls();
    f.fake.dirty.lock().unwrap().extend([(SlotId(0), vec![0b10]), (SlotId(1), vec![0b1])]);
    let offsets = |slots: Vec<Slot>| slots.iter().map(|slot| slot.offset).collect::<Vec<_>>();
    assert_eq!(offsets(f.space.slots()), [4 * PAGE_SIZE, 0]);
    f.space.commit(&[]).unwrap();
    assert_eq!(f.fake.take_calls(), ["hold", "log 0", "remove 0", "log 1", "remove 1", "release"]);
    let dirty: Vec<usize> = (0..16).filter(|page| f.region.dirty().dirty_at(page * 4096)).collect();
    assert_eq!(dirty, [0, 5]);
}

#[test]
fn the_dirty_log_is_switched_in_place_and_kept_for_later_slots() {
    let f = Fixture::new();
    f.space.set_dirty_log(true).unwrap();
    assert_eq!(f.fake.take_calls(), ["set 0 0"]);
    f.space.commit(&[f.ram(), f.elsewhere(100)]).unwrap();
    assert!(f.fake.slots.lock().unwrap().values().all(|slot| slot.log_dirty));
    f.space.set_dirty_log(false).unwrap();
    assert!(f.fake.slots.lock().unwrap().values().all(|slot| !slot.log_dirty));
}

#[test]
fn a_call_that_fails_is_reported_and_everything_is_put_back() {
    // Calls of the split: 0 hold, 1 remove 0, 2 set 0, 3 set 1, 4 set 2.
    for failing in 1..=4 {
        let f = Fixture::new();
        let before = f.fake.ranges();
        f.fake.fail_calls(&[failing]);
        let error = f.space.commit(&[f.ram(), f.rom(4..6)]).unwrap_err();
        assert!(matches!(error, CommitError::Slot { restored: true, .. }), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "out of slots");
        assert_eq!(f.fake.ranges(), before);
        assert_eq!(f.space.slots().len(), 1);
        assert_eq!(*f.fake.held.lock().unwrap(), 0);
        assert_eq!(f.fake.take_calls().iter().filter(|call| *call == "hold").count(), 1);
        f.fake.fail_calls(&[]);
        f.space.commit(&[f.ram(), f.rom(4..6)]).unwrap();
        assert_eq!(f.fake.ranges().len(), 3);
    }
}

#[test]
fn a_failed_addition_takes_back_what_it_added_behind_the_barrier() {
    let f = Fixture::new();
    f.fake.fail_calls(&[1]);
    let error = f.space.commit(&[f.ram(), f.elsewhere(100), f.elsewhere(200)]).unwrap_err();
    assert_eq!(f.fake.take_calls(), ["set 1 100", "set 2 200", "hold", "remove 1", "release"]);
    assert_eq!(
        error.to_string(),
        "Memory slot 2 (0xc8000 to 0xc9000) could not be created; the slots are as they were before"
    );
}

#[test]
fn what_could_not_be_put_back_is_said_and_the_next_commit_repairs_it() {
    let f = Fixture::new();
    f.fake.fail_calls(&[2, 3]);
    let error = f.space.commit(&[f.ram(), f.rom(4..6)]).unwrap_err();
    assert!(matches!(error, CommitError::Slot { restored: false, .. }));
    assert!(error.to_string().ends_with("guest memory is missing now: stop the machine"));
    assert!(f.space.slots().is_empty() && f.fake.ranges().is_empty());
    f.fake.fail_calls(&[]);
    f.space.commit(&[f.ram()]).unwrap();
    assert_eq!(f.fake.ranges(), [(0..0x1_0000, false)]);
}

#[test]
fn a_wrong_list_changes_nothing() {
    let f = Fixture::new();
    let wrong = AddressRange { range: 0..1, kind: Kind::Hole };
    assert!(matches!(f.space.commit(&[f.ram(), wrong]), Err(CommitError::Range(_))));
    assert!(f.fake.take_calls().is_empty());
}

#[test]
fn listeners_hear_what_is_there_and_what_changes() {
    let f = Fixture::new();
    let ear = Arc::new(Ear::default());
    f.space.add_listener(Arc::clone(&ear) as Arc<dyn AddressSpaceListener>);
    f.space.commit(&[f.ram(), f.elsewhere(100)]).unwrap();
    f.space.commit(&[f.elsewhere(100)]).unwrap();
    f.space.set_dirty_log(true).unwrap();
    assert_eq!(*ear.0.lock().unwrap(), [(vec![], vec![0]), (vec![], vec![100]), (vec![0], vec![])]);
}

#[test]
fn listeners_hear_nothing_of_a_commit_that_was_put_back() {
    let f = Fixture::new();
    let ear = Arc::new(Ear::default());
    f.space.add_listener(Arc::clone(&ear) as Arc<dyn AddressSpaceListener>);
    ear.0.lock().unwrap().clear();
    f.fake.fail_calls(&[3]);
    assert!(f.space.commit(&[f.ram(), f.rom(4..6)]).is_err());
    assert!(ear.0.lock().unwrap().is_empty());
}

#[test]
fn a_slot_knows_its_host_address() {
    let f = Fixture::new();
    f.space.commit(&[f.rom(4..6)]).unwrap();
    let slot = f.space.slots().remove(0);
    assert_eq!(slot.host_address(), f.region.mapping().host_address() + 4 * PAGE_SIZE);
    assert_eq!((slot.start(), slot.len()), (4 * PAGE_SIZE, 2 * PAGE_SIZE));
    assert!(Arc::ptr_eq(slot.region(), &f.region));
    assert!(slot.readonly() && !slot.log_dirty());
    f.space.set_dirty_log(true).unwrap();
    f.space.commit(&[f.elsewhere(100)]).unwrap();
    let slot = f.space.slots().remove(0);
    assert!(!slot.readonly() && slot.log_dirty());
}

#[test]
fn commits_from_many_threads_end_with_one_of_the_lists() {
    let f = Fixture::new();
    std::thread::scope(|scope| {
        for first in 1..5 {
            let f = &f;
            scope.spawn(move || {
                for _ in 0..50 {
                    f.space.commit(&[f.ram(), f.rom(first..first + 1)]).unwrap();
                }
            });
        }
    });
    let ranges = f.fake.ranges();
    assert_eq!(ranges.len(), 3);
    assert!(ranges[1].1);
}
