//! Each request, to its limits.

use super::*;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const OK: u8 = 0;
const IO_ERROR: u8 = 1;
const UNSUPPORTED: u8 = 2;

#[test]
fn a_read_gives_the_sectors_across_descriptors() {
    let (machine, mut driver, _) = running(false);
    let data = [(DATA, 700, true), (0xa000, 324, true)];
    assert_eq!(request(&machine, &mut driver, IN, 3, &data), (OK, 1025));
    let read = [driver.bytes(DATA, 700), driver.bytes(0xa000, 324)].concat();
    assert_eq!(read, contents(SECTORS)[3 * 512..5 * 512]);
    assert_eq!((driver.bytes(DATA + 700, 1), driver.bytes(0xa000 + 324, 1)), (vec![0], vec![0]));
    assert_eq!(machine.line.take(), 1);
}

#[test]
fn a_write_stores_the_sectors_and_nothing_else() {
    let (machine, mut driver, file) = running(false);
    driver.fill(DATA, &[0xaa; 300]);
    driver.fill(0xa000, &[0xbb; 212]);
    assert_eq!(request(&machine, &mut driver, OUT, 15, &[(DATA, 300, false), (0xa000, 212, false)]), (OK, 1));
    let mut expected = contents(SECTORS);
    expected[15 * 512..][..300].fill(0xaa);
    expected[15 * 512 + 300..].fill(0xbb);
    assert!(on_disk(&file) == expected);
}

#[test]
fn header_and_data_may_share_a_descriptor_and_status_and_data_too() {
    let (machine, mut driver, file) = running(false);
    header(&driver, OUT, 1);
    driver.fill(HEADER + 16, &[0xcc; 512]);
    driver.offer(0, &[(HEADER, 7, false), (HEADER + 7, 521, false), (DATA, 1, true)]);
    machine.workers.process();
    assert_eq!(on_disk(&file)[512..1024], [0xcc; 512]);
    header(&driver, IN, 1);
    driver.offer(4, &[(HEADER, 16, false), (DATA, 513, true)]);
    machine.workers.process();
    assert_eq!(driver.bytes(DATA, 513), [&[0xcc; 512][..], &[OK]].concat());
    assert_eq!(driver.used(1), (4, 513));
}

#[test]
fn the_last_sector_is_reached_and_the_one_behind_it_is_not() {
    let (machine, mut driver, _) = running(false);
    for (sector, length, status) in [
        (15u64, 512u32, OK),
        (14, 1024, OK),
        (0, 8192, OK),
        (16, 0, OK),
        (16, 512, IO_ERROR),
        (15, 1024, IO_ERROR),
        (17, 0, IO_ERROR),
        (u64::MAX, 512, IO_ERROR),
        (u64::MAX / 512, 512, IO_ERROR),
        (u64::MAX / 512 + 1, 512, IO_ERROR),
        (0, 511, IO_ERROR),
        (0, 513, IO_ERROR),
        (0, 1, IO_ERROR),
    ] {
        for kind in [IN, OUT] {
            let data: Vec<_> =
                [(DATA, length.min(4096), kind == IN), (0xa000, length.saturating_sub(4096), kind == IN)]
                    .into_iter()
                    .filter(|(_, length, _)| *length > 0)
                    .collect();
            driver.fill(DATA, &contents(SECTORS)[..4096]);
            driver.fill(0xa000, &contents(SECTORS)[4096..]);
            let used = match (status, kind) {
                (OK, IN) => length + 1,
                (_, OUT) => 1,
                _ => u32::from(length == 0),
            };
            assert_eq!(request(&machine, &mut driver, kind, sector, &data), (status, used), "{sector} {length} {kind}");
        }
    }
}

#[test]
fn data_in_the_wrong_direction_is_an_error() {
    let (machine, mut driver, file) = running(false);
    assert_eq!(request(&machine, &mut driver, IN, 0, &[(DATA, 512, false)]), (IO_ERROR, 1));
    assert_eq!(request(&machine, &mut driver, IN, 0, &[(DATA, 512, false), (0xa000, 512, true)]), (IO_ERROR, 0));
    assert_eq!(request(&machine, &mut driver, OUT, 0, &[(DATA, 512, true)]), (IO_ERROR, 0));
    assert_eq!(request(&machine, &mut driver, OUT, 0, &[(DATA, 512, false), (0xa000, 512, true)]), (IO_ERROR, 0));
    assert!(on_disk(&file) == contents(SECTORS));
    assert_eq!(driver.bytes(0xa000, 512), [0; 512]);
}

#[test]
fn a_read_only_disk_is_not_written() {
    let (machine, mut driver, file) = running(true);
    assert_eq!(request(&machine, &mut driver, OUT, 0, &[(DATA, 512, false)]), (IO_ERROR, 1));
    assert_eq!(request(&machine, &mut driver, OUT, 0, &[]), (IO_ERROR, 1));
    assert!(on_disk(&file) == contents(SECTORS));
    assert_eq!(request(&machine, &mut driver, IN, 0, &[(DATA, 512, true)]), (OK, 513));
    assert_eq!(request(&machine, &mut driver, FLUSH, 0, &[]), (OK, 1));
}

#[test]
fn the_serial_number_is_20_bytes_padded_with_zeros() {
    let (machine, mut driver, _) = running(false);
    assert_eq!(request(&machine, &mut driver, GET_ID, 0, &[(DATA, 20, true)]), (OK, 21));
    assert_eq!(driver.bytes(DATA, 20), *b"S-1234\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(request(&machine, &mut driver, GET_ID, 0, &[(DATA, 19, true)]), (IO_ERROR, 0));
    assert_eq!(request(&machine, &mut driver, GET_ID, 0, &[(DATA, 21, true)]), (IO_ERROR, 0));
}

#[test]
fn unknown_requests_are_unsupported() {
    let (machine, mut driver, _) = running(false);
    for kind in [2, 3, 5, 6, 7, 9, 12, 14, 0x8000_0000, u32::MAX] {
        assert_eq!(request(&machine, &mut driver, kind, 0, &[]), (UNSUPPORTED, 1), "{kind}");
    }
}

#[test]
fn a_short_header_is_an_error_with_a_status() {
    let (machine, mut driver, _) = running(false);
    for length in [1, 15] {
        header(&driver, FLUSH, 0);
        driver.offer(0, &[(HEADER, length, false), (STATUS, 1, true)]);
        machine.workers.process();
        assert_eq!(driver.bytes(STATUS, 1), [IO_ERROR]);
    }
    driver.fill(STATUS, &[UNTOUCHED]);
    driver.offer(0, &[(STATUS, 1, true)]);
    machine.workers.process();
    assert_eq!((driver.bytes(STATUS, 1)[0], driver.used_index(), driver.used(2)), (IO_ERROR, 3, (0, 1)));
}

#[test]
fn a_request_without_room_for_its_status_breaks_the_queue() {
    let (machine, mut driver, _) = running(false);
    header(&driver, FLUSH, 0);
    driver.offer(0, &[(HEADER, 16, false)]);
    driver.offer(1, &[(HEADER, 16, false), (STATUS, 1, true)]);
    machine.workers.process();
    assert_eq!((driver.used_index(), machine.read(0x70)), (0, 0x4f));
}

#[test]
fn a_disk_that_shrank_under_us_is_an_io_error() {
    let (machine, mut driver, file) = running(false);
    file.set_len(1024).unwrap();
    assert_eq!(request(&machine, &mut driver, IN, 1, &[(DATA, 1024, true)]), (IO_ERROR, 0));
    assert_eq!(request(&machine, &mut driver, IN, 0, &[(DATA, 1024, true)]), (OK, 1025));
}

#[test]
fn one_call_takes_64_requests_and_asks_for_another() {
    let machine = Machine::new(device(false), ram());
    let mut driver = machine.start(256);
    header(&driver, FLUSH, 0);
    for index in 0..65 {
        driver.offer(2 * index, &[(HEADER, 16, false), (STATUS, 1, true)]);
    }
    machine.workers.process_once();
    assert_eq!(driver.used_index(), 64);
    machine.workers.process_once();
    assert_eq!(driver.used_index(), 65);
}
