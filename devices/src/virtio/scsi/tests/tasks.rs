//! Task management while commands are under way.

use super::*;

const READ: [u8; 10] = [0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0];
const ABORT_TASK: u32 = 0;
const ABORT_TASK_SET: u32 = 1;
const UNIT_RESET: u32 = 5;
const QUERY_TASK: u32 = 6;
const QUERY_TASK_SET: u32 = 7;

fn function(kind: u32, lun: [u8; 8], tag: u64) -> Vec<u8> {
    [&0u32.to_le_bytes()[..], &kind.to_le_bytes(), &lun, &tag.to_le_bytes()].concat()
}

#[test]
fn functions_without_commands_to_wait_for_are_answered_at_once() {
    let (mut rig, _) = Rig::disk();
    for kind in [ABORT_TASK, ABORT_TASK_SET, QUERY_TASK, QUERY_TASK_SET, UNIT_RESET] {
        assert_eq!(rig.control(&function(kind, UNIT, 1), 1), Some(vec![0]), "{kind}");
    }
    assert_eq!(rig.control(&function(2, UNIT, 1), 1), Some(vec![11]), "there is no such function");
    assert_eq!(rig.control(&function(0, [1, 9, 0, 0, 0, 0, 0, 0], 1), 1), Some(vec![3]));
    assert_eq!(rig.control(&function(0, [1, 0, 0, 9, 0, 0, 0, 0], 1), 1), Some(vec![12]));
    assert_eq!(rig.control(&[1, 0, 0, 0, 1, 0, 0x40, 0, 0, 0, 0, 0, 0xff, 0, 0, 0], 5), Some(vec![0; 5]));
    assert_eq!(rig.control(&[9, 0, 0, 0], 1), Some(vec![9]));
    assert_eq!(rig.control(&[0, 0], 1), Some(vec![9]));
    assert_eq!(rig.interrupts[0].counts().1, 0);
}

#[test]
fn a_reset_unit_says_so() {
    let (mut rig, _) = Rig::disk();
    assert_eq!(rig.control(&function(UNIT_RESET, UNIT, 0), 1), Some(vec![0]));
    assert_eq!(rig.command(0, UNIT, &[0; 6], &[], 0).sense, Some((6, 0x29, 0)));
    assert_eq!(rig.command(0, UNIT, &[0; 6], &[], 0).status, 0);
}

#[test]
fn an_aborted_command_ends_before_its_abort_does() {
    let (mut rig, disk) = Rig::late();
    for (queue, tag) in [(0, 21), (1, 22)] {
        rig.offer(queue, UNIT, tag, &READ, &[], 1024);
    }
    rig.process();
    assert_eq!(disk.waiting(), 2);
    assert_eq!(rig.control(&function(QUERY_TASK, UNIT, 22), 1), Some(vec![10]));
    assert_eq!(rig.control(&function(QUERY_TASK, UNIT, 23), 1), Some(vec![0]));
    let asked = rig.drivers[0].used_index();
    assert_eq!(rig.control(&function(ABORT_TASK, UNIT, 22), 1), None, "the host still has it");
    let used = rig.drivers[2].used_index();
    disk.complete(Ok(()));
    rig.process();
    assert_eq!((rig.drivers[2].used_index(), rig.control_answer(asked)), (used + 1, None), "another command");
    assert_eq!(Told::read(&rig.drivers[2], 0).response, 0);
    disk.complete(Ok(()));
    rig.process();
    assert_eq!(rig.control_answer(asked), Some(vec![0]));
    assert_eq!(Told::read(&rig.drivers[3], 0).response, 2);
}

#[test]
fn a_reset_waits_for_the_commands_of_its_unit() {
    let (mut rig, disk) = Rig::late();
    rig.offer(0, UNIT, 1, &READ, &[], 1024);
    rig.process();
    let asked = rig.drivers[0].used_index();
    assert_eq!(rig.control(&function(UNIT_RESET, UNIT, 0), 1), None);
    disk.complete(Ok(()));
    rig.process();
    assert_eq!(rig.control_answer(asked), Some(vec![0]));
    assert_eq!(Told::read(&rig.drivers[2], 0).response, 4);
}

#[test]
fn draining_ends_commands_and_answers_who_waits_for_them() {
    let (mut rig, disk) = Rig::late();
    rig.offer(0, UNIT, 1, &READ, &[], 1024);
    let asked = rig.drivers[0].used_index();
    assert_eq!(rig.control(&function(ABORT_TASK_SET, UNIT, 0), 1), None);
    assert!(!rig.handlers[2].drain(&mut rig.worker, Instant::now()));
    disk.complete_on_wait();
    let later = Instant::now() + std::time::Duration::from_secs(60);
    for handler in &mut rig.handlers {
        assert!(handler.drain(&mut rig.worker, later));
    }
    assert_eq!(rig.control_answer(asked), Some(vec![0]));
    assert_eq!(disk.waiting(), 0);
}

#[test]
fn a_queue_that_goes_away_keeps_nobody_waiting() {
    let (mut rig, disk) = Rig::late();
    rig.offer(1, UNIT, 1, &READ, &[], 1024);
    let asked = rig.drivers[0].used_index();
    assert_eq!(rig.control(&function(ABORT_TASK, UNIT, 1), 1), None);
    rig.handlers.remove(3);
    rig.process();
    assert_eq!(rig.control_answer(asked), Some(vec![0]));
    drop(disk);
}
