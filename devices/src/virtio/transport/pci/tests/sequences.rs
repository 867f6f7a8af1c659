//! Any sequence of accesses to BARs and configuration space, and of events, with what must hold after each.

use super::*;
use crate::pci::header;
use crate::virtio::core::Status;
use crate::virtio::testing::{Driver, Snapshot};
use proptest::prelude::*;
use std::sync::atomic::Ordering;

/// Where the capabilities are: MSI-X's message control, and the window's fields.
const CONTROL: u16 = 0x42;
const WINDOW: [u16; 4] = [0x94, 0x98, 0x9c, 0xa0];

/// Descriptors of the queue, and bytes of each buffer.
const SIZE: u16 = 4;
const BUFFER: u32 = 16;
/// What serving a queue once can change: its buffers, used elements, index and flags.
const MOST_CHANGES: usize = SIZE as usize * (BUFFER as usize + 8) + 4;

/// One thing that a guest or the machine does.
#[derive(Clone, Debug)]
enum Event {
    Read(u8, u64, Width),
    Write(u8, u64, Width, u64),
    ReadConfig(u16, Width),
    WriteConfig(u16, Width, u32),
    /// A whole, orderly initialisation, so that running devices are met often.
    Start,
    /// The same with messages.
    Messages,
    /// The driver makes a buffer available where the orderly initialisation has the queue, or one that is impossible.
    Offer(bool),
    Process,
    /// Workers answer late, or at once.
    Slow(bool),
    Deliver,
    Park,
    Unpark,
    /// Save and go on with a copy.
    Restore,
}

fn width() -> impl Strategy<Value = Width> {
    prop::sample::select(vec![Width::Byte, Width::Word, Width::Dword, Width::Qword])
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0u64..16,
        2 => prop::sample::select(vec![Driver::DESCRIPTORS, Driver::AVAILABLE, Driver::USED, 0x8000, 0xc000, 1 << 31]),
        1 => any::<u64>(),
    ]
}

/// BAR, offset and width: mostly fields in their own width.
fn place() -> impl Strategy<Value = (u8, u64, Width)> {
    let field = prop::sample::select(&registers::FIELDS[..]);
    prop_oneof![
        8 => field.prop_map(|(offset, width)| (0, offset, width)),
        2 => Just((0, 0x14, Width::Byte)),
        2 => Just((0, 0x1000, Width::Byte)),
        2 => (0u64..0x4000 - 7, width()).prop_map(|(offset, width)| (0, offset, width)),
        2 => (0u64..8).prop_map(|field| (4, field * 4, Width::Dword)),
        1 => (0u64..0x1000 - 7, width()).prop_map(|(offset, width)| (4, offset, width)),
    ]
}

fn config_place() -> impl Strategy<Value = (u16, Width)> {
    let interesting = prop::sample::select(vec![header::COMMAND, CONTROL, 0x10, 0x20, 0x40]);
    prop_oneof![
        2 => interesting.prop_map(|offset| (offset, Width::Word)),
        2 => prop::sample::select(&WINDOW[..]).prop_map(|offset| (offset, Width::Dword)),
        1 => (0u16..0x100).prop_map(|offset| (offset, Width::Byte)),
        1 => (0u16..0x80).prop_map(|offset| (offset * 2, Width::Word)),
        1 => (0u16..0x400).prop_map(|offset| (offset * 4, Width::Dword)),
    ]
}

fn config_value() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => 0u32..0x20,
        2 => prop::sample::select(vec![0x406, 0x8000, 0xc000, 0x1000, 0x2000, 0x3000]),
        1 => any::<u32>(),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => place().prop_map(|(bar, offset, width)| Event::Read(bar, offset, width)),
        14 => (place(), value()).prop_map(|((bar, offset, width), value)| Event::Write(bar, offset, width, value)),
        3 => config_place().prop_map(|(offset, width)| Event::ReadConfig(offset, width)),
        6 => (config_place(), config_value()).prop_map(|((offset, width), value)| Event::WriteConfig(offset, width, value)),
        3 => Just(Event::Start),
        1 => Just(Event::Messages),
        4 => prop::bool::weighted(0.9).prop_map(Event::Offer),
        4 => Just(Event::Process),
        1 => any::<bool>().prop_map(Event::Slow),
        2 => Just(Event::Deliver),
        1 => Just(Event::Park),
        2 => Just(Event::Unpark),
        1 => Just(Event::Restore),
    ]
}

/// What does not change: identity, and the list of capabilities.
fn constants(machine: &PciMachine) -> (u32, u32, Vec<u16>, u64) {
    let dword = |offset| machine.function.read_config(offset, Width::Dword);
    let list = [0x09, 0x10, 0x11].into_iter().flat_map(|id| machine.capabilities(id)).collect();
    (dword(header::VENDOR_ID), dword(header::REVISION), list, machine.read(0x12, Width::Word))
}

fn command(machine: &PciMachine) -> Command {
    Command::from_bits_truncate(machine.function.read_config(header::COMMAND, Width::Word) as u16)
}

fn messages_enabled(machine: &PciMachine) -> bool {
    machine.function.read_config(CONTROL, Width::Word) & 0x8000 != 0
}

/// Whether this access can be a write of 0 to the status: also through the window.
fn may_reset(event: &Event) -> bool {
    match event {
        Event::Write(0, 0x14, Width::Byte, value) => value & 0xff == 0,
        Event::WriteConfig(..) | Event::Start | Event::Messages => true,
        _ => false,
    }
}

fn happen(event: &Event, machine: &mut PciMachine, driver: &mut Driver) {
    match event {
        Event::Read(bar, offset, width) => {
            machine.bar(*bar).read(*offset, *width);
        }
        Event::Write(bar, offset, width, value) => machine.bar(*bar).write(*offset, *width, *value & width.ones()),
        Event::ReadConfig(offset, width) => {
            machine.function.read_config(*offset, *width);
        }
        Event::WriteConfig(offset, width, value) => machine.function.write_config(*offset, *width, *value),
        Event::Start => {
            machine.set_status(0);
            machine.set_status(3);
            for (offset, value) in [(0x08, 1), (0x0c, 1)] {
                machine.write(offset, Width::Dword, value);
            }
            machine.set_status(11);
            machine.set_up_queue(SIZE);
            machine.set_status(15);
            assert_eq!(machine.status() & !0x40, 15);
            driver.available = 0;
            driver.set_available_index(0);
        }
        Event::Messages => {
            machine.enable_messages(2);
            machine.write(0x10, Width::Word, 0);
            machine.write(0x16, Width::Word, 0);
            machine.write(0x1a, Width::Word, 1);
        }
        Event::Offer(possible) => driver.offer(0, &[(if *possible { 0x4000 } else { 0x8000 }, BUFFER, true)]),
        Event::Process => machine.workers.process(),
        Event::Slow(slow) => machine.workers.slow.store(*slow, Ordering::Relaxed),
        Event::Deliver => {
            machine.workers.deliver();
        }
        Event::Park => machine.function.park(Box::new(|| {})),
        Event::Unpark => {
            // The contract: only when parking is done.
            machine.workers.deliver();
            machine.function.unpark();
        }
        Event::Restore => {
            machine.function.park(Box::new(|| {}));
            machine.workers.deliver();
            let saved = machine.function.save().unwrap();
            let state = saved[0].decode().unwrap();
            let copy = PciMachine::restored(rng(), Arc::clone(&machine.memory), &Arc::default(), Some(state)).unwrap();
            assert_eq!(copy.function.save().unwrap(), saved);
            assert!(!copy.is_asserted());
            machine.workers.let_go();
            *machine = copy;
            machine.function.unpark();
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_accesses_keeps_the_rules(events in prop::collection::vec(event(), 1..24)) {
        let memory = ram();
        let before = Snapshot::take(&memory);
        let mut machine = PciMachine::new(rng(), Arc::clone(&memory));
        let first = constants(&machine);
        let mut driver = Driver::new(Arc::clone(&memory), SIZE);
        let mut changes = 0;
        for event in &events {
            let status = Status::from_bits(machine.status() as u8).unwrap();
            let enabled = messages_enabled(&machine);
            let used = driver.used_index();
            happen(event, &mut machine, &mut driver);
            changes += match event {
                Event::Process => MOST_CHANGES,
                Event::Offer(_) => 16 + 4, // the driver's own: a descriptor, the available ring
                _ => 2,                    // the available index
            };

            let now = Status::from_bits(machine.status() as u8).unwrap();
            prop_assert!((now - Status::NEEDS_RESET).is_legal(), "{now:?} after {event:?}");
            prop_assert!(may_reset(event) || now.contains(status - Status::NEEDS_RESET), "{status:?} to {now:?} by {event:?}");
            let pending = machine.is_pending();
            prop_assert_eq!(machine.is_asserted(), pending && !command(&machine).contains(Command::INTX_DISABLE));
            prop_assert!(!pending || !messages_enabled(&machine));
            prop_assert!(driver.used_index() == used || pending || messages_enabled(&machine), "lost by {event:?}");
            let sent = machine.interrupts.messages();
            prop_assert!(sent.is_empty() || enabled || messages_enabled(&machine), "{sent:x?} by {event:?}");
            prop_assert_eq!(constants(&machine), first.clone());
            for offset in [0x10, 0x1a] {
                let vector = machine.read(offset, Width::Word);
                prop_assert!(vector < 2 || vector == 0xffff);
            }
        }
        prop_assert!(before.changes(&memory) <= changes);
        let isr = machine.take_isr();
        prop_assert!(isr <= 3 && !machine.is_asserted());
        machine.workers.let_go();
    }

    #[test]
    fn a_read_has_no_bits_beyond_its_width(bar in prop::sample::select(vec![0u8, 4]), offset in 0u64..0x1000 - 7, width in width()) {
        let machine = machine();
        machine.start(8);
        prop_assert_eq!(machine.bar(bar).read(offset, width) & !width.ones(), 0);
        prop_assert_eq!(machine.bar(bar).read(offset + 0x3000, width) & !width.ones(), 0);
    }
}
