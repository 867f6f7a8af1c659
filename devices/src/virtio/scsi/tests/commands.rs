//! Commands and their answers.

use super::*;

const READ: [u8; 10] = [0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0];
const WRITE: [u8; 10] = [0x2a, 0, 0, 0, 0, 3, 0, 0, 2, 0];

#[test]
fn blocks_are_read_and_written_by_either_queue() {
    let (mut rig, file) = Rig::disk();
    assert_eq!(rig.command(0, UNIT, &READ, &[], 1024), Told::good(0, &contents(BLOCKS)[3 * 512..5 * 512]));
    assert_eq!(rig.command(1, UNIT, &WRITE, &[0x5a; 1024], 0), Told::good(0, &[]));
    assert_eq!(rig.command(0, UNIT, &READ, &[], 1024), Told::good(0, &[0x5a; 1024]));
    let mut expected = contents(BLOCKS);
    expected[3 * 512..5 * 512].fill(0x5a);
    let mut now = vec![0; expected.len()];
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now == expected);
    assert_eq!(rig.interrupts[2].counts(), (3, 0));
}

#[test]
fn what_is_left_of_the_buffer_is_told() {
    let (mut rig, _) = Rig::disk();
    assert_eq!(rig.command(0, UNIT, &READ, &[], 1536), Told::good(512, &contents(BLOCKS)[3 * 512..5 * 512]));
    let inquiry = rig.command(0, UNIT, &[0x12, 0, 0, 0, 96, 0], &[], 96);
    assert_eq!((inquiry.response, inquiry.residual, inquiry.data.len()), (0, 60, 36));
    assert_eq!(rig.command(0, UNIT, &WRITE, &[0x5a; 1536], 0).residual, 512);
    let refused = rig.command(0, UNIT, &[0x28, 0, 0, 0, 0, 64, 0, 0, 1, 0], &[], 512);
    let told = Told { response: 0, status: 2, sense: Some((5, 0x21, 0)), residual: 512, data: vec![] };
    assert_eq!(refused, told);
}

#[test]
fn a_transfer_that_is_larger_than_its_buffer_is_an_overrun_and_moves_nothing() {
    let (mut rig, file) = Rig::disk();
    for (cdb, out, room) in [(READ, &[][..], 1023), (READ, &[], 0), (WRITE, &[1; 1023], 0), (WRITE, &[], 1024)] {
        let told = rig.command(0, UNIT, &cdb, out, room);
        assert_eq!((told.response, told.data.len()), (1, 0), "{cdb:x?}");
    }
    let inquiry = rig.command(0, UNIT, &[0x12, 0, 0, 0, 96, 0], &[], 8);
    assert_eq!((inquiry.response, inquiry.residual, inquiry.data.len()), (1, 0, 8));
    let mut now = vec![0; contents(BLOCKS).len()];
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now == contents(BLOCKS));
}

#[test]
fn the_same_block_is_written_many_times() {
    let (mut rig, file) = Rig::disk();
    let pattern: Vec<u8> = (0u16..512).map(|index| index.to_le_bytes()[0] ^ 0x33).collect();
    let same = [0x41, 0, 0, 0, 0, 1, 0, 0, 60, 0];
    assert_eq!(rig.command(0, UNIT, &same, &pattern, 0), Told::good(0, &[]));
    let mut now = vec![0; contents(BLOCKS).len()];
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now[512..61 * 512] == pattern.repeat(60) && now[..512] == contents(BLOCKS)[..512]);
    assert_eq!(rig.command(0, UNIT, &same, &[0; 512], 0), Told::good(0, &[]));
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now[512..61 * 512].iter().all(|byte| *byte == 0) && now[61 * 512..] == contents(BLOCKS)[61 * 512..]);
}

#[test]
fn nobody_answers_where_nobody_is() {
    let (mut rig, _) = Rig::disk();
    assert_eq!(rig.command(0, [1, 1, 0x40, 0, 0, 0, 0, 0], &[0x12, 0, 0, 0, 36, 0], &[], 36).response, 3);
    let other = [1, 0, 0x40, 1, 0, 0, 0, 0];
    assert_eq!(rig.command(0, other, &[0x12, 0, 0, 0, 36, 0], &[], 36).data[0], 0x7f);
    assert_eq!(rig.command(0, other, &[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], &[], 16).data[3], 8);
    let told = rig.command(0, other, &[0; 6], &[], 0);
    assert_eq!((told.status, told.sense), (2, Some((5, 0x25, 0))));
}

#[test]
fn data_both_ways_and_a_short_request_fail_and_a_request_without_room_breaks_the_queue() {
    let (mut rig, _) = Rig::disk();
    assert_eq!(rig.command(0, UNIT, &READ, &[1; 8], 1024).response, 9);
    let driver = &mut rig.drivers[2];
    let before = driver.used_index();
    driver.offer(0, &[(REQUEST, 18, false), (RESPONSE, RESPONSE_LENGTH, true)]);
    rig.process();
    assert_eq!(Told::read(&rig.drivers[2], rig.drivers[2].used(before).1).response, 9);
    rig.drivers[2].offer(0, &[(REQUEST, REQUEST_LENGTH, false), (RESPONSE, RESPONSE_LENGTH - 1, true)]);
    rig.process();
    assert_eq!((rig.interrupts[2].counts().1, rig.interrupts[3].counts().1), (1, 0));
}

#[test]
fn what_the_host_failed_has_sense_data() {
    let (mut rig, disk) = Rig::late();
    rig.offer(0, UNIT, 1, &READ, &[], 1024);
    rig.process();
    let before = rig.drivers[2].used_index();
    disk.complete(Err(std::io::ErrorKind::Other.into()));
    rig.process();
    let told = Told::read(&rig.drivers[2], rig.drivers[2].used(before).1);
    assert_eq!((told.response, told.status, told.sense, told.residual), (0, 2, Some((3, 0x11, 0)), 1024));
}

#[test]
fn a_disc_that_is_taken_out_and_another_that_comes_are_noticed() {
    let (first, second) = (file(BLOCKS), file(BLOCKS));
    second.write_all_at(&[0x77; 2048], 0).unwrap();
    let media = Arc::new(RemovableDisk::new("cd0".into(), Some(raw(&first, true))));
    let mut rig = Rig::new(vec![drive_unit("cd0", &media)]);
    let read = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(rig.command(0, UNIT, &read, &[], 2048), Told::good(0, &contents(BLOCKS)[..2048]));
    media.eject(false).unwrap();
    assert_eq!(rig.command(0, UNIT, &read, &[], 2048).sense, Some((2, 0x3a, 1)));
    media.insert(raw(&second, true), false).unwrap();
    assert_eq!(rig.command(1, UNIT, &read, &[], 2048).sense, Some((6, 0x28, 0)));
    assert_eq!(rig.command(0, UNIT, &read, &[], 2048), Told::good(0, &[0x77; 2048]));
}

#[test]
fn another_size_is_an_event_for_who_has_a_buffer() {
    let file = file(BLOCKS);
    let port = port(raw(&file, false));
    let mut rig = Rig::new(vec![disk_unit_behind("disk0", Arc::clone(&port))]);
    let resize = |blocks: u64| {
        file.set_len(blocks * 512).unwrap();
        assert_eq!(port.refresh().unwrap(), blocks * 512);
    };
    resize(BLOCKS);
    rig.process();
    resize(BLOCKS + 8);
    rig.process();
    assert_eq!(rig.drivers[1].used_index(), 0, "there is no buffer");
    for head in 0..2 {
        rig.drivers[1].offer(head, &[(DATA + 32 * u64::from(head), 16, true)]);
    }
    rig.process();
    assert_eq!((rig.drivers[1].used_index(), rig.drivers[1].used(0)), (1, (0, 16)));
    assert_eq!(rig.drivers[1].bytes(DATA, 16), [3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x2a, 9, 0, 0]);
    assert_eq!(rig.command(0, UNIT, &[0; 6], &[], 0).sense, Some((6, 0x2a, 9)));
    assert_eq!(rig.command(0, UNIT, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], 8).data, [0, 0, 0, 71, 0, 0, 2, 0]);
    resize(BLOCKS);
    rig.process();
    assert_eq!((rig.drivers[1].used_index(), rig.interrupts[1].counts()), (2, (2, 0)));
}
