//! Commands of a disk.

use super::*;

#[test]
fn a_disk_says_once_that_it_was_switched_on_and_inquiry_does_not_wait_for_that() {
    let unit = disk_with(false, None);
    assert_eq!(bytes(&unit, &[0x12, 0, 0, 0, 36, 0]).len(), 36);
    assert_eq!(
        bytes(&unit, &[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0]),
        [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(run(&unit, &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Answer::Check(Sense::POWER_ON));
    assert_eq!(run(&unit, &[0; 6]), GOOD);
    let unit = disk_with(false, None);
    assert_eq!(bytes(&unit, &[0x03, 0, 0, 0, 18, 0])[2..14], [6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0]);
    assert_eq!(run(&unit, &[0; 6]), GOOD, "REQUEST SENSE has told it");
}

#[test]
fn answers_are_cut_to_what_is_wanted() {
    let unit = disk();
    for room in [0u8, 5, 36, 255] {
        assert_eq!(bytes(&unit, &[0x12, 0, 0, 0, room, 0]).len(), usize::from(room.min(36)));
    }
    assert_eq!(bytes(&unit, &[0x12, 1, 0x80, 0, 255, 0]), b"\0\x80\0\x03S-1");
    assert_eq!(bytes(&unit, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [0, 0, 0, 63, 0, 0, 2, 0]);
    let long = bytes(&unit, &[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]);
    assert_eq!((long.len(), long[7], long[14]), (32, 63, 0x80));
}

#[test]
fn reads_and_writes_become_steps_inside_the_disk() {
    let unit = disk();
    let read = |block: u8, count: u8| run(&unit, &[0x28, 0, 0, 0, 0, block, 0, 0, count, 0]);
    assert_eq!(read(3, 2), Answer::Work(vec![Step::Read { offset: 1536, at: 0, length: 1024 }]));
    assert_eq!(read(63, 1), Answer::Work(vec![Step::Read { offset: 63 * 512, at: 0, length: 512 }]));
    assert_eq!(read(64, 0), GOOD);
    assert_eq!(read(63, 2), Answer::Check(Sense::OUT_OF_RANGE));
    let write = |flags| run(&unit, &[0x2a, flags, 0, 0, 0, 1, 0, 0, 1, 0]);
    let step = |stable| Answer::Work(vec![Step::Write { offset: 512, at: 0, length: 512, stable }]);
    assert_eq!([write(0), write(8)], [step(false), step(true)]);
    assert_eq!(run(&unit, &[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Answer::Work(vec![Step::Flush]));
    assert_eq!(run(&unit, &[0x1b, 0, 0, 0, 0, 0]), Answer::Work(vec![Step::Flush]), "a stopped disk keeps nothing");
    let huge = [0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0];
    assert_eq!(run(&unit, &huge), Answer::Check(Sense::OUT_OF_RANGE));
}

#[test]
fn without_its_write_cache_every_write_is_stable_and_a_reset_of_the_unit_keeps_it_so() {
    let unit = disk();
    let list = [&[0, 0, 0, 0, 8, 18][..], &[0; 18]].concat();
    assert_eq!(run_with(&unit, &[0x15, 0x10, 0, 0, 24, 0], &list), GOOD);
    let write = || run(&unit, &[0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0]);
    let stable = Answer::Work(vec![Step::Write { offset: 512, at: 0, length: 512, stable: true }]);
    assert_eq!(write(), stable);
    unit.reset();
    assert_eq!([write(), write()], [Answer::Check(Sense::POWER_ON), stable]);
    assert_eq!(bytes(&unit, &[0x1a, 8, 8, 0, 255, 0])[6], 0);
}

#[test]
fn blocks_are_given_back_and_written_the_same() {
    let unit = disk();
    let mut list = vec![0, 38, 0, 32, 0, 0, 0, 0];
    for (block, count) in [(2u64, 3u32), (60, 4)] {
        list.extend([&block.to_be_bytes()[..], &count.to_be_bytes(), &[0; 4]].concat());
    }
    let discard = |block: u64, count: u64| Step::Discard { offset: block * 512, length: count * 512 };
    let unmap = [0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0];
    assert_eq!(run_with(&unit, &unmap, &list), Answer::Work(vec![discard(2, 3), discard(60, 4)]));
    assert_eq!(run_with(&unit, &unmap, &list[..39]), Answer::Check(Sense::PARAMETER_LIST_LENGTH));
    assert_eq!(run(&unit, &[0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0]), GOOD);

    let same = |flags, count, data: &[u8]| run_with(&unit, &[0x41, flags, 0, 0, 0, 4, 0, 0, count, 0], data);
    let zero = |unmap| Answer::Work(vec![Step::Zero { offset: 2048, length: 1024, unmap }]);
    assert_eq!([same(0, 2, &[0; 512]), same(8, 2, &[0; 512])], [zero(false), zero(true)]);
    let repeat = Answer::Work(vec![Step::Repeat { offset: 2048, block: 512, count: 2 }]);
    assert_eq!(same(0, 2, &[1; 512]), repeat);
    assert_eq!(same(0, 0, &[0; 512]), Answer::Check(Sense::BAD_FIELD), "no blocks are not all blocks");
    assert_eq!(same(0, 2, &[0; 511]), Answer::Check(Sense::PARAMETER_LIST_LENGTH));
    let without_data = [0x93, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0];
    assert_eq!(run(&unit, &without_data), zero(false));
}

#[test]
fn a_read_only_disk_is_not_changed_in_any_way() {
    let unit = ready(disk_with(true, None));
    for cdb in [
        &[0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0][..],
        &[0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0],
        &[0x41, 0, 0, 0, 0, 4, 0, 0, 1, 0],
    ] {
        assert_eq!(run_with(&unit, cdb, &[0; 512]), Answer::Check(Sense::WRITE_PROTECTED), "{cdb:x?}");
    }
    assert_eq!(bytes(&unit, &[0x1a, 8, 0x3f, 0, 255, 0])[2], 0x90);
    assert!(matches!(run(&unit, &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Answer::Work(_)));
}

#[test]
fn reservations_are_refused() {
    let unit = disk();
    for code in [0x5e, 0x5f, 0x16, 0x17, 0x56, 0x57] {
        assert_eq!(
            run_with(&unit, &[code, 0, 0, 0, 0, 0, 0, 0, 24, 0], &[0; 24]),
            Answer::Check(Sense::UNKNOWN_COMMAND)
        );
    }
}

#[test]
fn failures_of_the_host_have_their_sense() {
    let unit = disk();
    let error = |kind: std::io::ErrorKind| std::io::Error::from(kind);
    let write = Step::Write { offset: 0, at: 0, length: 512, stable: false };
    let read = Step::Read { offset: 0, at: 0, length: 512 };
    assert_eq!(unit.failure(&write, &error(std::io::ErrorKind::StorageFull)), Sense::NO_SPACE);
    assert_eq!(unit.failure(&write, &error(std::io::ErrorKind::Other)), Sense::WRITE_ERROR);
    assert_eq!(unit.failure(&read, &error(std::io::ErrorKind::UnexpectedEof)), Sense::READ_ERROR);
    assert_eq!(unit.failure(&Step::Flush, &error(std::io::ErrorKind::Other)), Sense::TARGET_FAILURE);
    unit.hold(Some(Sense::READ_ERROR));
    assert_eq!(bytes(&unit, &[0x03, 1, 0, 0, 8, 0]), [0x72, 3, 0x11, 0, 0, 0, 0, 0]);
    assert_eq!(bytes(&unit, &[0x03, 1, 0, 0, 8, 0]), [0x72, 0, 0, 0, 0, 0, 0, 0], "it is told once");
}

#[test]
fn another_size_is_told_once_and_a_saved_unit_fits_its_own_size_only() {
    let unit = disk();
    unit.capacity_changed();
    unit.capacity_changed();
    let saved = unit.state();
    assert_eq!(run(&unit, &[0; 6]), Answer::Check(Sense::CAPACITY_CHANGED));
    assert_eq!(run(&unit, &[0; 6]), GOOD);
    let restored = disk_with(false, Some(saved.clone()));
    assert_eq!(restored.state(), saved);
    assert_eq!(run(&restored, &[0; 6]), Answer::Check(Sense::CAPACITY_CHANGED));
    let other = LogicalUnit::new(disk_unit("disk0", raw(512, false)), Some(saved));
    let text = "State of disk0 cannot be used: it had 64 blocks, now it has 1";
    assert_eq!(other.err().unwrap().to_string(), text);
}

#[test]
fn a_disk_without_a_cache_and_without_discard_offers_neither() {
    let config = UnitConfig { cached: false, discard: false, ..disk_unit("disk0", raw(BLOCKS * 512, false)) };
    let unit = ready(LogicalUnit::new(config, None).unwrap());
    let stable = Answer::Work(vec![Step::Write { offset: 0, at: 0, length: 512, stable: true }]);
    assert_eq!(run(&unit, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]), stable);
    // The caching page, as it is and what can be changed of it.
    assert_eq!(bytes(&unit, &[0x1a, 8, 8, 0, 255, 0])[6], 0);
    assert_eq!(bytes(&unit, &[0x1a, 8, 0x48, 0, 255, 0])[6], 0);
    assert_eq!(run_with(&unit, &[0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], &[0; 24]), Answer::Check(Sense::UNKNOWN_COMMAND));
    let long = bytes(&unit, &[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]);
    assert_eq!(long[14] & 0x80, 0, "it gives nothing back");
    let zero = Answer::Work(vec![Step::Zero { offset: 0, length: 512, unmap: false }]);
    assert_eq!(run_with(&unit, &[0x93, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], &[0; 512]), zero);
}
