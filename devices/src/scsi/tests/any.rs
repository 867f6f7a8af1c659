//! Arbitrary commands with arbitrary parameters, one after the other.

use super::*;
use proptest::prelude::*;

/// Opcodes that do something, and any other.
const CODES: [u8; 34] = [
    0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2a, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a,
    0x51, 0x55, 0x5a, 0x88, 0x8a, 0x8f, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xbd, 0xbe, 0x5e, 0xbb,
];

fn cdb() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0u8), 2 => 0u8..70, 1 => any::<u8>()];
    (prop_oneof![9 => prop::sample::select(&CODES[..]), 1 => any::<u8>()], prop::collection::vec(byte, 0..16))
        .prop_map(|(code, rest)| [&[code], &rest[..]].concat())
}

fn parameters() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..70, 1 => any::<u8>()], 0..64)
}

#[derive(Clone, Debug)]
enum Event {
    Command(Vec<u8>, Vec<u8>),
    Insert(u64),
    Eject(bool),
    Resized,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (cdb(), parameters()).prop_map(|(cdb, parameters)| Event::Command(cdb, parameters)),
        1 => (0u64..20).prop_map(Event::Insert),
        1 => any::<bool>().prop_map(Event::Eject),
        1 => Just(Event::Resized),
    ]
}

/// Steps stay inside the disk, write nothing that is read-only, and are bounded.
fn check(unit: &LogicalUnit, answer: &Answer, readonly: bool) {
    let Answer::Work(steps) = answer else {
        if let Answer::Data(bytes) = answer {
            assert!(bytes.len() < 1024);
        }
        return;
    };
    let size = unit.blocks() * u64::from(unit.kind().block_size());
    assert!((1..=64).contains(&steps.len()));
    for step in steps {
        let (offset, length) = match *step {
            Step::Read { offset, at, length } => {
                assert_eq!(at, 0);
                (offset, u64::from(length))
            }
            Step::Flush => (0, 0),
            _ if readonly => panic!("{step:?} of a read-only unit"),
            Step::Write { offset, length, .. } => (offset, u64::from(length)),
            Step::Repeat { offset, block, count } => (offset, u64::from(block) * u64::from(count)),
            Step::Discard { offset, length } | Step::Zero { offset, length, .. } => (offset, length),
        };
        assert!(offset.checked_add(length).is_some_and(|end| end <= size), "{step:?}");
        assert!(matches!(step, Step::Flush) || length > 0);
    }
}

proptest! {
    #[test]
    fn any_commands_to_a_disk_stay_inside_it(events in prop::collection::vec(event(), 1..12), readonly: bool) {
        let unit = disk_with(readonly, None);
        for event in events {
            match event {
                Event::Command(cdb, parameters) => check(&unit, &run_with(&unit, &cdb, &parameters), readonly),
                _ => unit.capacity_changed(),
            }
            prop_assert!(unit.state().attentions.len() <= 4);
        }
    }

    #[test]
    fn any_commands_to_a_drive_stay_inside_its_disc(events in prop::collection::vec(event(), 1..12)) {
        let (unit, media) = drive(Some(10));
        for event in events {
            match event {
                Event::Command(cdb, parameters) => check(&unit, &run_with(&unit, &cdb, &parameters), true),
                Event::Insert(sectors) => drop(media.insert(raw(sectors * 2048, true), true)),
                Event::Eject(force) => drop(media.eject(force)),
                Event::Resized => unit.reset(),
            }
            let saved = unit.state();
            prop_assert!(saved.attentions.len() <= 4);
        }
    }
}
