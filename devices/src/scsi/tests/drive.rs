//! Commands of a drive: its disc comes and goes.

use super::*;

const TEST_READY: [u8; 6] = [0; 6];
const EJECT: [u8; 6] = [0x1b, 0, 0, 0, 2, 0];
const LOAD: [u8; 6] = [0x1b, 0, 0, 0, 3, 0];
const LOCK: [u8; 6] = [0x1e, 0, 0, 0, 1, 0];
const UNLOCK: [u8; 6] = [0x1e, 0, 0, 0, 0, 0];

/// Media event and status.
fn event(unit: &LogicalUnit) -> (u8, u8) {
    let status = bytes(unit, &[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0]);
    assert_eq!(status[..4], [0, 6, 4, 0x10]);
    (status[4], status[5])
}

#[test]
fn a_drive_with_a_disc_reads_its_sectors() {
    let unit = ready(drive(Some(10)).0);
    assert_eq!(bytes(&unit, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [0, 0, 0, 9, 0, 0, 8, 0]);
    let read = Answer::Work(vec![Step::Read { offset: 3 * 2048, at: 0, length: 4096 }]);
    assert_eq!(run(&unit, &[0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0]), read);
    assert_eq!(run(&unit, &[0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0]), read);
    assert_eq!(run(&unit, &[0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0x10, 0, 0]), read);
    assert_eq!(run(&unit, &[0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0]), Answer::Check(Sense::OUT_OF_RANGE));
    assert_eq!(
        run(&unit, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
        Answer::Check(Sense::UNKNOWN_COMMAND),
        "a disc is read only"
    );
    assert_eq!(bytes(&unit, &[0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0])[16..], [0, 0, 0, 10]);
    assert_eq!(bytes(&unit, &[0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0])[6..], [0, 8]);
    assert_eq!(bytes(&unit, &[0x51, 0, 0, 0, 0, 0, 0, 0, 255, 0]).len(), 34);
    assert_eq!(bytes(&unit, &[0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]), [0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(bytes(&unit, &[0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255, 0])[8], 0x2a);
}

#[test]
fn without_a_disc_nothing_can_be_read_and_the_drive_still_tells_of_itself() {
    let unit = ready(drive(None).0);
    for cdb in [&TEST_READY[..], &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0x43; 10]] {
        assert_eq!(run(&unit, cdb), Answer::Check(Sense::NO_MEDIUM), "{cdb:x?}");
    }
    assert_eq!(bytes(&unit, &[0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0])[6..], [0, 0]);
    assert_eq!(event(&unit), (0, 0));
    assert_eq!(bytes(&unit, &[0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8, 0]), [0, 2, 0x80, 0x10], "no such class of events");
}

#[test]
fn the_guest_opens_the_tray_and_closes_it_over_the_same_disc() {
    let unit = ready(drive(Some(10)).0);
    assert_eq!(run(&unit, &EJECT), GOOD);
    assert_eq!(event(&unit), (3, 1));
    assert_eq!(event(&unit), (0, 1), "an event is told once");
    assert_eq!(run(&unit, &TEST_READY), Answer::Check(Sense::NO_MEDIUM_TRAY_OPEN));
    assert_eq!(bytes(&unit, &[0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0])[1], 0x10);
    assert_eq!(run(&unit, &LOAD), GOOD);
    assert_eq!(event(&unit), (2, 2));
    assert_eq!(run(&unit, &TEST_READY), Answer::Check(Sense::MEDIUM_CHANGED));
    assert_eq!(run(&unit, &TEST_READY), GOOD);
}

#[test]
fn a_locked_disc_is_not_ejected_by_the_guest_and_the_host_asks_for_it() {
    let (unit, media) = drive(Some(10));
    let unit = ready(unit);
    assert_eq!(run(&unit, &LOCK), GOOD);
    assert_eq!(run(&unit, &EJECT), Answer::Check(Sense::REMOVAL_PREVENTED));
    assert_eq!(bytes(&unit, &[0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255, 0])[8 + 6] & 2, 2);
    media.eject(false).unwrap_err();
    assert_eq!(event(&unit), (1, 2), "the guest hears that the host wants the disc");
    assert_eq!(run(&unit, &UNLOCK), GOOD);
    media.eject(false).unwrap();
    assert_eq!(event(&unit), (3, 0));
    assert_eq!(run(&unit, &TEST_READY), Answer::Check(Sense::NO_MEDIUM));
}

#[test]
fn another_disc_is_told_before_it_is_read() {
    let (unit, media) = drive(Some(10));
    let unit = ready(unit);
    assert_eq!((unit.generation(), unit.blocks()), (0, 10));
    media.insert(raw(20 * 2048, true), false).unwrap();
    assert_eq!(event(&unit), (2, 2));
    assert_eq!(run(&unit, &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Answer::Check(Sense::MEDIUM_CHANGED));
    assert_eq!((unit.generation(), unit.blocks()), (1, 20));
    assert!(matches!(run(&unit, &[0x28, 0, 0, 0, 0, 19, 0, 0, 1, 0]), Answer::Work(_)));
    // A disc that comes closes the tray.
    assert_eq!(run(&unit, &EJECT), GOOD);
    media.insert(raw(5 * 2048, true), false).unwrap();
    assert_eq!(run(&unit, &TEST_READY), Answer::Check(Sense::MEDIUM_CHANGED));
    assert_eq!(run(&unit, &TEST_READY), GOOD);
}

#[test]
fn a_reset_unlocks_the_disc_and_a_saved_drive_keeps_its_door() {
    let (unit, media) = drive(Some(10));
    let unit = ready(unit);
    run(&unit, &LOCK);
    let saved = unit.state();
    let config = || drive_unit("cd0", &media);
    unit.reset();
    media.eject(false).unwrap();
    media.insert(raw(10 * 2048, true), false).unwrap();
    let restored = LogicalUnit::new(config(), Some(saved.clone())).unwrap();
    assert_eq!(restored.state(), saved);
    assert_eq!(run(&restored, &EJECT), Answer::Check(Sense::REMOVAL_PREVENTED));
    media.eject(true).unwrap();
    assert!(LogicalUnit::new(config(), Some(saved)).is_err(), "the disc is another one");
}

#[test]
fn the_host_sees_what_the_guest_does_with_tray_and_disc() {
    let (unit, media) = drive(Some(10));
    let unit = ready(unit);
    let seen = || {
        let DriveStatus { full, open, kept } = media.status();
        (full, open, kept)
    };
    assert_eq!(seen(), (true, false, false));
    run(&unit, &LOCK);
    assert_eq!(seen(), (true, false, true));
    run(&unit, &EJECT);
    assert_eq!(seen(), (true, false, true), "it is locked");
    run(&unit, &UNLOCK);
    run(&unit, &EJECT);
    assert_eq!(seen(), (true, true, false));
    run(&unit, &LOAD);
    assert_eq!(seen(), (true, false, false));
    assert_eq!(run(&unit, &TEST_READY), Answer::Check(Sense::MEDIUM_CHANGED));
    run(&unit, &EJECT);
    media.eject(false).unwrap();
    assert_eq!(seen(), (false, true, false), "the tray is still out");
    media.insert(raw(2048, true), false).unwrap();
    assert_eq!(seen(), (true, false, false));
}
