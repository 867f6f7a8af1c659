//! Tests of the bus against a naive model.

use super::*;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

/// One access as a device sees it: offset, width, and the value of a write.
type Access = (u64, Width, Option<u64>);

/// Writes down its accesses and reads as its number in every byte.
struct Recorder {
    number: u8,
    accesses: Mutex<Vec<Access>>,
}

impl Recorder {
    fn new(number: u8) -> Arc<Self> {
        Arc::new(Self { number, accesses: Mutex::default() })
    }

    fn pattern(number: u8) -> u64 {
        u64::from_le_bytes([number; 8])
    }

    fn take(&self) -> Vec<Access> {
        std::mem::take(&mut *self.accesses.lock().unwrap())
    }
}

impl BusDevice for Recorder {
    fn read(&self, offset: u64, width: Width) -> u64 {
        self.accesses.lock().unwrap().push((offset, width, None));
        Self::pattern(self.number)
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        self.accesses.lock().unwrap().push((offset, width, Some(value)));
    }
}

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];

#[test]
fn a_device_sees_offsets_into_its_range_and_values_cut_to_the_width() {
    let (bus, device) = (Bus::new(), Recorder::new(0xab));
    bus.insert(0x100..0x110, device.clone()).unwrap();
    assert_eq!(bus.read(0x10c, Width::Dword), 0xabab_abab, "what the device gives beyond the width is cut off");
    bus.write(0x104, Width::Word, 0xdead_beef);
    assert_eq!(device.take(), [(0xc, Width::Dword, None), (4, Width::Word, Some(0xbeef))]);
}

#[test]
fn absent_addresses_read_all_ones_and_swallow_writes() {
    let bus = Bus::new();
    for (width, ones) in WIDTHS.into_iter().zip([0xff, 0xffff, 0xffff_ffff, u64::MAX]) {
        bus.write(0x3f8, width, 0);
        assert_eq!(bus.read(0x3f8, width), ones);
    }
}

#[test]
fn an_access_across_a_ranges_end_reaches_no_device() {
    let (bus, low, high) = (Bus::new(), Recorder::new(1), Recorder::new(2));
    bus.insert(0x100..0x104, low.clone()).unwrap();
    bus.insert(0x104..0x108, high.clone()).unwrap();
    assert_eq!(bus.read(0x102, Width::Dword), 0xffff_ffff);
    assert_eq!(bus.read(0xff, Width::Word), 0xffff);
    bus.write(0x103, Width::Word, 0);
    bus.write(0x107, Width::Qword, 0);
    assert_eq!((low.take(), high.take()), (vec![], vec![]));
}

#[test]
fn the_end_of_the_address_space_is_no_special_place() {
    let (bus, device) = (Bus::new(), Recorder::new(7));
    bus.insert(u64::MAX - 7..u64::MAX, device).unwrap();
    assert_eq!(bus.read(u64::MAX, Width::Qword), u64::MAX);
    assert_eq!(bus.read(u64::MAX - 1, Width::Byte), 7);
    assert_eq!(bus.read(u64::MAX - 1, Width::Word), 0xffff);
}

#[test]
fn empty_and_overlapping_ranges_are_refused_with_their_addresses() {
    let bus = Bus::new();
    bus.insert(0x10..0x20, Recorder::new(1)).unwrap();
    assert_eq!(bus.insert(0x30..0x30, Recorder::new(2)), Err(BusError::Empty(0x30, 0x30)));
    for range in [0x0..0x11, 0x1f..0x40, 0x14..0x18, 0x0..0x40, 0x10..0x20] {
        let refused = BusError::Overlap(range.start, range.end, 0x10, 0x20);
        assert_eq!(bus.insert(range, Recorder::new(2)), Err(refused));
    }
    bus.insert(0x20..0x21, Recorder::new(2)).unwrap();
    bus.insert(0xf..0x10, Recorder::new(3)).unwrap();
    assert_eq!(bus.remove(0x11), Err(BusError::Absent(0x11)));
}

/// Waits in its read until it is let go.
struct Slow {
    entered: std::sync::mpsc::Sender<()>,
    go: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl BusDevice for Slow {
    fn read(&self, _offset: u64, _width: Width) -> u64 {
        self.entered.send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        0x5a
    }

    fn write(&self, _offset: u64, _width: Width, _value: u64) {}
}

#[test]
fn a_device_can_be_removed_and_replaced_while_it_is_being_accessed() {
    let bus = Arc::new(Bus::new());
    let ((entered, was_entered), (let_go, go)) = (channel(), channel());
    bus.insert(0..4, Arc::new(Slow { entered, go: Mutex::new(go) })).unwrap();
    let accessing = Arc::clone(&bus);
    let reader = thread::spawn(move || accessing.read(0, Width::Byte));
    was_entered.recv().unwrap();
    bus.remove(0).unwrap();
    assert_eq!(bus.read(0, Width::Byte), 0xff);
    bus.insert(0..8, Recorder::new(9)).unwrap();
    assert_eq!(bus.read(0, Width::Byte), 9);
    let_go.send(()).unwrap();
    assert_eq!(reader.join().unwrap(), 0x5a, "the access under way finishes");
}

/// Removes itself when it is written to, as a PCI device that moves its BAR does.
struct Fleeing(Arc<Bus>);

impl BusDevice for Fleeing {
    fn read(&self, _offset: u64, _width: Width) -> u64 {
        0
    }

    fn write(&self, _offset: u64, _width: Width, _value: u64) {
        self.0.remove(0).unwrap();
    }
}

#[test]
fn a_device_may_change_the_bus_from_within_an_access() {
    let bus = Arc::new(Bus::new());
    bus.insert(0..1, Arc::new(Fleeing(Arc::clone(&bus)))).unwrap();
    bus.write(0, Width::Byte, 0);
    assert_eq!(bus.read(0, Width::Byte), 0xff);
}

#[test]
fn a_device_behind_a_mutex_is_used_exclusively() {
    struct Counter(u64);
    impl BusDeviceMut for Counter {
        fn read(&mut self, _offset: u64, _width: Width) -> u64 {
            self.0
        }
        fn write(&mut self, _offset: u64, _width: Width, value: u64) {
            self.0 += value;
        }
    }
    let bus = Bus::new();
    bus.insert(0..8, Arc::new(Mutex::new(Counter(0)))).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| bus.write(0, Width::Qword, 1)));
        }
    });
    assert_eq!(bus.read(0, Width::Qword), 4_000);
}

#[test]
fn widths_are_those_of_a_machine() {
    for count in 0..=16 {
        let width = Width::from_bytes(count);
        assert_eq!(width.is_some(), [1, 2, 4, 8].contains(&count));
        assert!(width.is_none_or(|width| width.bytes() == count));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Range<u64>),
    Remove(u64),
    Read(u64, Width),
    Write(u64, Width, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let width = prop::sample::select(WIDTHS.as_slice());
    prop_oneof![
        (0u64..64, 0u64..16).prop_map(|(start, length)| Step::Insert(start..start + length)),
        (0u64..64).prop_map(Step::Remove),
        (0u64..80, width.clone()).prop_map(|(address, width)| Step::Read(address, width)),
        (0u64..80, width, any::<u64>()).prop_map(|(address, width, value)| Step::Write(address, width, value)),
    ]
}

/// For each address the device that answers there: its number and the start of its range.
type Model = [Option<(u8, u64)>; 96];

/// Where the whole access is one device's: its number and the offset.
fn answers(model: &Model, address: u64, width: Width) -> Option<(u8, u64)> {
    let bytes = address..address + width.bytes() as u64;
    let mut owners = bytes.map(|byte| model[usize::try_from(byte).unwrap()]);
    let first = owners.next().flatten()?;
    owners.all(|owner| owner == Some(first)).then_some((first.0, address - first.1))
}

proptest! {
    #[test]
    fn the_bus_agrees_with_a_byte_by_byte_model(steps in prop::collection::vec(step(), 0..40)) {
        let (bus, mut model, mut devices): (_, Model, Vec<Arc<Recorder>>) = (Bus::new(), [None; 96], vec![]);
        for step in steps {
            match step {
                Step::Insert(range) => {
                    let free = range.clone().all(|byte| model[usize::try_from(byte).unwrap()].is_none());
                    let number = u8::try_from(devices.len()).unwrap();
                    let device = Recorder::new(number);
                    let inserted = bus.insert(range.clone(), device.clone()).is_ok();
                    prop_assert_eq!(inserted, free && !range.is_empty());
                    if inserted {
                        devices.push(device);
                        range.clone().for_each(|byte| {
                            model[usize::try_from(byte).unwrap()] = Some((number, range.start));
                        });
                    }
                }
                Step::Remove(start) => {
                    let owner = model[usize::try_from(start).unwrap()].filter(|owner| owner.1 == start);
                    prop_assert_eq!(bus.remove(start).is_ok(), owner.is_some());
                    model.iter_mut().filter(|byte| owner.is_some() && **byte == owner).for_each(|byte| *byte = None);
                }
                Step::Read(address, width) => {
                    let expected = match answers(&model, address, width) {
                        Some((number, _)) => Recorder::pattern(number) & width.ones(),
                        None => width.ones(),
                    };
                    prop_assert_eq!(bus.read(address, width), expected);
                    check(&devices, answers(&model, address, width), width, None)?;
                }
                Step::Write(address, width, value) => {
                    bus.write(address, width, value);
                    check(&devices, answers(&model, address, width), width, Some(value & width.ones()))?;
                }
            }
        }
    }
}

/// Only the device that answers has seen the access, at its offset.
fn check(
    devices: &[Arc<Recorder>],
    answers: Option<(u8, u64)>,
    width: Width,
    value: Option<u64>,
) -> Result<(), TestCaseError> {
    for device in devices {
        let expected = match answers {
            Some((number, offset)) if number == device.number => vec![(offset, width, value)],
            _ => vec![],
        };
        prop_assert_eq!(device.take(), expected);
    }
    Ok(())
}
