//! Any sequence of register accesses and events against a device behind MMIO, with what must hold after each.

use super::{Driver, Machine, Snapshot, TestMemory, ram};
use crate::bus::{BusDevice, Width};
use crate::state::Section;
use crate::virtio::VirtioDevice;
use crate::virtio::core::Status;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One thing that a guest or the machine does.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Read(u64, Width),
    Write(u64, Width, u64),
    /// A whole, orderly initialisation, so that running devices are met often.
    Start,
    Process,
    /// Workers answer late, or at once.
    Slow(bool),
    Deliver,
    Park,
    Unpark,
    /// Save and go on with a copy.
    Restore,
}

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];
const STATUS: u64 = 0x70;
const QUEUE_READY: u64 = 0x44;

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0u64..0x40).prop_map(|register| register * 4),
        4 => prop::sample::select(vec![0x14, 0x20, 0x24, 0x30, 0x38, QUEUE_READY, 0x50, 0x64, STATUS, 0x80, 0x90, 0xa0]),
        2 => 0u64..0x1000,
        2 => 0x100u64..0x140,
    ]
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![6 => Just(Width::Dword), 1 => prop::sample::select(WIDTHS.to_vec())]
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0u64..16,
        2 => prop::sample::select(vec![Driver::DESCRIPTORS, Driver::AVAILABLE, Driver::USED, 0x8000, 1 << 31]),
        1 => any::<u64>(),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (offset(), width()).prop_map(|(offset, width)| Event::Read(offset, width)),
        16 => (offset(), width(), value()).prop_map(|(offset, width, value)| Event::Write(offset, width, value)),
        3 => Just(Event::Start),
        2 => Just(Event::Process),
        1 => any::<bool>().prop_map(Event::Slow),
        2 => Just(Event::Deliver),
        1 => Just(Event::Park),
        2 => Just(Event::Unpark),
        1 => Just(Event::Restore),
    ]
}

/// Some thirty events.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..30)
}

/// Lets `events` happen to a device that `make` makes, new or by its own saved state, and to its copies, and checks what
/// must hold after each.
pub(crate) fn run(make: impl Fn(Option<&Section>) -> Box<dyn VirtioDevice<TestMemory>>, events: &[Event]) {
    let memory = ram();
    let before = Snapshot::take(&memory);
    let mut machine = Machine::new(make(None), Arc::clone(&memory));
    // No chain is ever made available, so all that a device may write is the 2 bytes of flags of a used ring: it is
    // at an address that was written, or its low or high half replaced.
    let mut processed = 0;
    for event in events {
        let status = Status::from_bits(machine.transport.read(STATUS, Width::Dword) as u8).unwrap();
        let ready = machine.read(QUEUE_READY);
        let mut resets = false;
        let mut disables = false;
        match event {
            Event::Read(offset, width) => {
                let value = machine.transport.read(*offset, *width);
                assert_eq!(value & !width.ones(), 0);
                if *offset < 0x100 && *width != Width::Dword {
                    assert_eq!(value, 0);
                }
            }
            Event::Write(offset, width, value) => {
                machine.transport.write(*offset, *width, *value & width.ones());
                let low = *value as u32;
                resets = (*offset, *width, low) == (STATUS, Width::Dword, 0);
                disables = (*offset, *width) == (QUEUE_READY, Width::Dword) || *offset == 0x30;
            }
            Event::Start => {
                machine.write(STATUS, 0);
                for (register, value) in
                    [(STATUS, 3), (0x24, 1), (0x20, 1), (STATUS, 11), (0x80, 0x1000), (0x90, 0x2000), (0xa0, 0x3000)]
                {
                    machine.write(register, value);
                }
                machine.write(0x38, 4);
                machine.write(QUEUE_READY, 1);
                machine.write(STATUS, 15);
                assert_eq!(machine.read(STATUS) & !0x40, 15);
                assert_eq!(machine.read(QUEUE_READY), 1);
                (resets, disables) = (true, true);
            }
            Event::Process => {
                machine.workers.process();
                processed += 1;
            }
            Event::Slow(slow) => machine.workers.slow.store(*slow, Ordering::Relaxed),
            Event::Deliver => {
                machine.workers.deliver();
            }
            Event::Park => machine.transport.park(Box::new(|| {})),
            Event::Unpark => {
                // The contract: only when parking is done.
                machine.workers.deliver();
                machine.transport.unpark();
            }
            Event::Restore => {
                machine.transport.park(Box::new(|| {}));
                machine.workers.deliver();
                let saved = machine.transport.save().unwrap();
                let state = saved[0].decode().unwrap();
                let copy = Machine::restored(make(saved.get(1)), Arc::clone(&memory), Some(state));
                assert_eq!(copy.transport.save().unwrap(), saved);
                machine.workers.let_go();
                machine = copy;
                machine.transport.unpark();
            }
        }
        let now = Status::from_bits(machine.transport.read(STATUS, Width::Dword) as u8).unwrap();
        assert!((now - Status::NEEDS_RESET).is_legal(), "{now:?} after {event:?}");
        assert!(resets || now.contains(status - Status::NEEDS_RESET), "{status:?} to {now:?} by {event:?}");
        let disables = disables || resets || matches!(event, Event::Deliver | Event::Unpark | Event::Restore);
        assert!(disables || machine.read(QUEUE_READY) == ready, "a queue changed by {event:?}");
        assert!(machine.read(0x60) <= 3);
    }
    assert!(before.changes(&memory) <= processed, "at most one flag for each time");
    machine.workers.let_go();
}
