//! Message-signalled vectors.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn message(data: u32) -> MsiMessage {
    MsiMessage { address: 0xfee0_0000, data }
}

/// A group, to look at its events.
fn group(manager: &KvmInterruptManager<Notes>, vectors: u16) -> KvmMsiGroup<Notes> {
    KvmMsiGroup::connect(&manager.routing, vectors).unwrap()
}

#[test]
fn vectors_are_connected_when_made_but_the_table_waits_for_the_first_message() {
    let (notes, manager) = manager();
    let first = manager.msi_group(2).unwrap();
    let second = manager.msi_group(1).unwrap();
    assert_eq!((notes.connected(), notes.tables().len()), (vec![24, 25, 26], 0));
    drop(first);
    let third = manager.msi_group(3).unwrap();
    assert_eq!(notes.connected(), [26, 24, 25, 27], "the lowest that are free");
    drop((second, third));
    assert_eq!((notes.connected(), notes.tables().len()), (vec![], 0));
}

#[test]
fn all_changes_together_are_one_update_of_the_whole_table() {
    let (notes, manager) = manager();
    let (first, second) = (manager.msi_group(2).unwrap(), manager.msi_group(2).unwrap());
    first.route(&[(0, Some(message(1))), (1, Some(message(2)))]).unwrap();
    second.route(&[(1, Some(message(3))), (0, None), (1, Some(message(4)))]).unwrap();
    let expected =
        [vec![(24, message(1)), (25, message(2))], vec![(24, message(1)), (25, message(2)), (27, message(4))]];
    assert_eq!(notes.tables(), expected);
}

#[test]
fn a_vector_triggers_only_while_it_is_connected() {
    let (_, manager) = manager();
    let group = group(&manager, 2);
    let count = |vector: usize| group.vectors[vector].event.read().unwrap_or(0);
    group.trigger(0);
    assert_eq!(count(0), 0, "never routed");
    group.route(&[(0, Some(message(1)))]).unwrap();
    group.trigger(0);
    group.trigger(1);
    group.trigger(2);
    assert_eq!((count(0), count(1)), (1, 0));
    group.route(&[(0, None)]).unwrap();
    group.trigger(0);
    assert_eq!(count(0), 0);
}

#[test]
fn disconnecting_and_connecting_again_with_the_same_message_is_no_update() {
    let (notes, manager) = manager();
    let group = group(&manager, 1);
    group.route(&[(0, Some(message(1)))]).unwrap();
    group.route(&[(0, None)]).unwrap();
    group.route(&[(0, Some(message(1)))]).unwrap();
    assert_eq!(notes.tables().len(), 1);
    group.trigger(0);
    assert_eq!(group.vectors[0].event.read().unwrap(), 1);
    group.route(&[(0, Some(message(2)))]).unwrap();
    assert_eq!(notes.tables(), [[(24, message(2))]]);
}

#[test]
fn what_the_host_refuses_changes_nothing() {
    let (notes, manager) = manager();
    let group = group(&manager, 2);
    group.route(&[(0, Some(message(1)))]).unwrap();
    notes.refuse(true);
    let error = group.route(&[(0, None), (1, Some(message(2)))]).unwrap_err();
    assert!(matches!(error, InterruptError::Messages(_)));
    notes.refuse(false);
    notes.tables();
    for vector in 0..2 {
        group.trigger(vector);
    }
    let counts = [0, 1].map(|vector: usize| group.vectors[vector].event.read().unwrap_or(0));
    assert_eq!(counts, [1, 0]);
    group.route(&[(0, Some(message(1)))]).unwrap();
    assert_eq!(notes.tables().len(), 0, "the table is as it was");
}

#[test]
fn a_vector_beyond_the_group_is_refused_by_number() {
    let (notes, manager) = manager();
    let group = manager.msi_group(2).unwrap();
    let error = group.route(&[(0, Some(message(1))), (2, None)]).unwrap_err();
    assert_eq!(error.to_string(), "Vector 2 does not exist: the group has 2");
    assert_eq!(notes.tables().len(), 0);
}

#[test]
fn a_group_that_cannot_be_made_leaves_nothing_behind() {
    let (notes, manager) = manager();
    notes.refuse(true);
    assert!(matches!(manager.msi_group(3), Err(InterruptError::Messages(_))));
    notes.refuse(false);
    let most = u16::try_from(crate::kvm::MAX_MESSAGES).unwrap();
    let all = manager.routing.allocate(most).unwrap();
    let error = manager.msi_group(1).err().unwrap().to_string();
    assert!(error.contains("not 1 message-signalled interrupts left"), "{error}");
    manager.routing.free(all);
    let group = manager.msi_group(1).unwrap();
    assert_eq!(notes.connected(), [24]);
    drop(group);
}

proptest! {
    #[test]
    fn the_table_has_what_was_last_connected_and_triggers_follow(
        changes in prop::collection::vec((0u16..3, prop::option::of(0u32..3)), 0..16),
    ) {
        let (notes, manager) = manager();
        let group = group(&manager, 3);
        let (mut connected, mut table) = (BTreeMap::new(), BTreeMap::new());
        for (vector, data) in changes {
            group.route(&[(vector, data.map(message))]).unwrap();
            connected.insert(vector, data.is_some());
            if let Some(data) = data {
                table.insert(u32::from(vector) + 24, message(data));
            }
            group.trigger(vector);
            let triggered = group.vectors[usize::from(vector)].event.read().is_ok();
            prop_assert_eq!(triggered, data.is_some());
            if let Some(last) = notes.tables.lock().unwrap().last() {
                prop_assert_eq!(last, &table.iter().map(|(gsi, message)| (*gsi, *message)).collect::<Vec<_>>());
            }
        }
    }
}
