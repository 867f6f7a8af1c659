//! Edge and level lines.

use super::*;
use proptest::prelude::*;

#[test]
fn a_line_is_connected_once_and_free_again_when_its_owner_drops_it() {
    let (notes, manager) = manager();
    let line = manager.edge_line(IrqLine(17)).unwrap();
    assert_eq!(notes.connected(), [17]);
    assert!(matches!(manager.edge_line(IrqLine(17)), Err(InterruptError::Taken(17))));
    drop(line);
    assert!(notes.connected().is_empty());
    manager.edge_line(IrqLine(17)).unwrap();
}

#[test]
fn a_trigger_writes_the_event_that_the_controller_listens_to() {
    let notes = Arc::new(Notes::default());
    let line = KvmEdgeLine::connect(&notes, &Arc::default(), 5).unwrap();
    line.trigger();
    line.trigger();
    assert_eq!(line.event.read().unwrap(), 2);
}

#[test]
fn lines_beyond_the_controller_and_the_pits_own_are_refused() {
    let (_, manager) = manager();
    assert!(matches!(manager.edge_line(IrqLine(24)), Err(InterruptError::NoSuchLine { line: 24, last: 23 })));
    assert!(matches!(manager.level_line(IrqLine(24)), Err(InterruptError::NoSuchLine { line: 24, last: 23 })));
    for reserved in [0, 2] {
        assert!(matches!(manager.edge_line(IrqLine(reserved)), Err(InterruptError::Taken(_))));
        assert!(matches!(manager.level_line(IrqLine(reserved)), Err(InterruptError::Taken(_))));
    }
    manager.edge_line(IrqLine(23)).unwrap();
    manager.level_line(IrqLine(23)).unwrap();
}

#[test]
fn a_refusal_of_the_host_names_the_line_and_leaves_it_free() {
    let (notes, manager) = manager();
    notes.refuse(true);
    for _ in 0..2 {
        let error = manager.edge_line(IrqLine(4)).err().unwrap();
        assert_eq!(error.to_string(), "Cannot connect interrupt line 4");
    }
}

#[test]
fn a_line_is_either_edge_or_level() {
    let (_, manager) = manager();
    let edge = manager.edge_line(IrqLine(9)).unwrap();
    assert!(matches!(manager.level_line(IrqLine(9)), Err(InterruptError::Taken(9))));
    drop(edge);
    let level = [manager.level_line(IrqLine(9)).unwrap(), manager.level_line(IrqLine(9)).unwrap()];
    assert!(matches!(manager.edge_line(IrqLine(9)), Err(InterruptError::Taken(9))));
    let [first, second] = level;
    drop(first);
    assert!(matches!(manager.edge_line(IrqLine(9)), Err(InterruptError::Taken(9))));
    drop(second);
    manager.edge_line(IrqLine(9)).unwrap();
}

#[test]
fn a_shared_pin_falls_when_its_last_owner_lowers_it() {
    let (notes, manager) = manager();
    let [first, second] = [16, 16].map(|line| manager.level_line(IrqLine(line)).unwrap());
    let other = manager.level_line(IrqLine(17)).unwrap();
    first.set(true);
    assert_eq!(notes.levels(), [(16, true)]);
    second.set(true);
    first.set(true);
    first.set(false);
    assert_eq!(notes.levels(), [], "the second still asserts it");
    other.set(true);
    second.set(false);
    second.set(false);
    assert_eq!(notes.levels(), [(17, true), (16, false)]);
    first.set(true);
    drop(first);
    assert_eq!(notes.levels(), [(16, true), (16, false)], "who is gone asserts nothing");
}

#[test]
fn a_host_that_refuses_a_level_keeps_the_count_right() {
    let (notes, manager) = manager();
    let line = manager.level_line(IrqLine(16)).unwrap();
    notes.refuse(true);
    line.set(true);
    line.set(false);
    notes.refuse(false);
    line.set(true);
    assert_eq!(notes.levels(), [(16, true), (16, false), (16, true)]);
}

proptest! {
    #[test]
    fn the_pin_is_the_or_of_its_owners(changes in prop::collection::vec((0usize..3, any::<bool>()), 0..24)) {
        let (notes, manager) = manager();
        let owners = [5; 3].map(|line| manager.level_line(IrqLine(line)).unwrap());
        let (mut own, mut pin) = ([false; 3], false);
        for (owner, level) in changes {
            owners[owner].set(level);
            own[owner] = level;
            let expected = own.contains(&true);
            let called = notes.levels();
            if expected == pin {
                prop_assert!(called.is_empty());
            } else {
                prop_assert_eq!(called, [(5, expected)]);
            }
            pin = expected;
        }
    }
}
