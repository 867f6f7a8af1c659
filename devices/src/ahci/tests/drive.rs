//! Commands of an ATAPI drive.

use super::*;

fn packet(rig: &Rig, cdb: &[u8], ranges: &[(u64, u32)]) -> (u8, u8) {
    rig.put(0, fis(0xa0, 0, 0, 1), ranges);
    rig.put_packet(0, cdb);
    rig.issue(1);
    let [status, error, ..] = rig.port(0x20).to_le_bytes();
    (status, error)
}

/// A drive that has said that it was switched on.
fn ready() -> (Rig, Arc<RemovableDisk>) {
    let (rig, media) = Rig::drive();
    assert_eq!(packet(&rig, &[0; 6], &[]), (0x51, 0x64));
    rig.recover();
    assert_eq!(packet(&rig, &[0x03, 0, 0, 0, 18], &[(DATA, 18)]), (0x50, 0));
    assert_eq!((rig.bytes(DATA + 2, 1), rig.bytes(DATA + 12, 1)), (vec![6], vec![0x29]));
    (rig, media)
}

#[test]
fn a_drive_identifies_itself_as_one() {
    let (rig, _) = ready();
    assert_eq!(rig.port(0x24), 0xeb14_0101);
    assert_eq!(rig.command(fis(0xec, 0, 0, 0), &[(DATA, 512)]), (0x51, 4));
    assert_eq!(rig.bytes(RECEIVED + 0x40 + 4, 3), [1, 0x14, 0xeb], "who asks for a disk hears what it is");
    rig.recover();
    assert_eq!(rig.command(fis(0xa1, 0, 0, 0), &[(DATA, 512)]), (0x50, 0));
    assert_eq!(rig.bytes(DATA, 2), [0xc0, 0x85]);
    assert_eq!(rig.command(fis(0xef, 0, 0x46, 3), &[]), (0x50, 0));
    assert_eq!(rig.command(fis(0x25, 0, 1, 0), &[(DATA, 512)]), (0x51, 4));
}

#[test]
fn sectors_of_a_disc_are_read_by_packets() {
    let (rig, _) = ready();
    let read = [0x28, 0, 0, 0, 0, 3, 0, 0, 1, 0];
    assert_eq!(packet(&rig, &read, &[(DATA, 1000), (DATA + 0x1000, 1048)]), (0x50, 0));
    let data = [rig.bytes(DATA, 1000), rig.bytes(DATA + 0x1000, 1048)].concat();
    assert!(data == contents(SECTORS)[3 * 2048..4 * 2048]);
    assert_eq!(rig.bytes(RECEIVED + 0x40 + 12, 1), [3], "the command is over");
    assert_eq!(rig.bytes(LIST + 4, 4), [0, 8, 0, 0]);
    assert_eq!(packet(&rig, &[0x12, 0, 0, 0, 36], &[(DATA, 8)]), (0x50, 0), "what fits is given");
    assert_eq!(rig.bytes(LIST + 4, 4), [8, 0, 0, 0]);
    assert_eq!(packet(&rig, &read, &[(DATA, 2047)]), (0x51, 4));
}

#[test]
fn a_failure_is_kept_for_who_asks_next() {
    let (rig, _) = ready();
    assert_eq!(packet(&rig, &[0x28, 0, 0, 0, 0, 99, 0, 0, 1, 0], &[(DATA, 2048)]), (0x51, 0x54));
    rig.recover();
    assert_eq!(packet(&rig, &[0x03, 0, 0, 0, 18], &[(DATA, 18)]), (0x50, 0));
    assert_eq!((rig.bytes(DATA + 2, 1), rig.bytes(DATA + 12, 1)), (vec![5], vec![0x21]));
    assert_eq!(packet(&rig, &[0xff], &[]), (0x51, 0x54));
    rig.recover();
    assert_eq!(packet(&rig, &[0; 6], &[]), (0x50, 0));
    assert_eq!(packet(&rig, &[0x03, 0, 0, 0, 18], &[(DATA, 18)]), (0x50, 0));
    assert_eq!(rig.bytes(DATA + 2, 1), [0], "a command in between has ended it");
}

#[test]
fn a_disc_is_exchanged_while_the_drive_is_used() {
    let (rig, media) = ready();
    let read = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(packet(&rig, &read, &[(DATA, 2048)]), (0x50, 0));
    media.eject(false).unwrap();
    assert_eq!(packet(&rig, &read, &[(DATA, 2048)]), (0x51, 0x24));
    rig.recover();
    let second = file(SECTORS);
    second.write_all_at(&[0x77; 2048], 0).unwrap();
    media.insert(raw(&second, true), false).unwrap();
    assert_eq!(packet(&rig, &read, &[(DATA, 2048)]), (0x51, 0x64));
    rig.recover();
    assert_eq!(packet(&rig, &read, &[(DATA, 2048)]), (0x50, 0));
    assert_eq!(rig.bytes(DATA, 2048), [0x77; 2048]);
}
