//! Commands of a disk.

use super::*;

#[test]
fn identify_comes_by_pio() {
    let (rig, _) = Rig::disk();
    assert_eq!(rig.command(fis(0xec, 0, 0, 0), &[(DATA, 512)]), (0x50, 0));
    let data = rig.bytes(DATA, 512);
    assert_eq!((&data[20..24], data[120], data[200]), (&b"-S 1"[..], 64, 64));
    let setup = rig.bytes(RECEIVED + 0x20, 18);
    assert_eq!((setup[0], setup[1], setup[2], setup[15], setup[17]), (0x5f, 0x60, 0x58, 0x50, 2));
    assert_eq!((rig.port(0x10), rig.port(0x38)), (2, 0));
    assert_eq!(rig.bytes(LIST + 4, 4), [0, 2, 0, 0], "what was transferred");
}

#[test]
fn sectors_are_read_and_written_in_every_way() {
    let (rig, file) = Rig::disk();
    // Scattered, by DMA with long and with short addresses, by PIO.
    for (command, count) in [(0x25, 2), (0xc8, 2), (0x24, 2), (0x20, 2), (0xc4, 2)] {
        rig.memory.write_slice(&[0; 0x2000], GuestAddress(DATA)).unwrap();
        assert_eq!(rig.command(fis(command, 3, count, 0), &[(DATA, 700), (DATA + 0x1000, 400)]), (0x50, 0));
        let read = [rig.bytes(DATA, 700), rig.bytes(DATA + 0x1000, 324)].concat();
        assert!(read == contents(SECTORS)[3 * 512..5 * 512], "{command:#x}");
        assert_eq!(rig.bytes(DATA + 0x1000 + 324, 8), [0; 8], "and no byte more");
    }
    let mut expected = contents(SECTORS);
    for (index, command) in [0x35u8, 0xca, 0x3d, 0x34, 0x30, 0xc5, 0xce].into_iter().enumerate() {
        rig.memory.write_slice(&[command; 512], GuestAddress(DATA)).unwrap();
        assert_eq!(rig.command(fis(command, 10 + index as u64, 1, 0), &[(DATA, 512)]), (0x50, 0));
        expected[(10 + index) * 512..][..512].fill(command);
    }
    let mut now = vec![0; expected.len()];
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now == expected);
    assert_eq!(rig.command(fis(0xea, 0, 0, 0), &[]), (0x50, 0));
}

#[test]
fn the_last_sector_is_reached_and_the_one_behind_it_is_not() {
    let (rig, _) = Rig::disk();
    assert_eq!(rig.command(fis(0x25, 63, 1, 0), &[(DATA, 512)]), (0x50, 0));
    for (command, lba, count) in
        [(0x25, 64, 1), (0x25, 63, 2), (0x25, 0, 0), (0x25, 0xffff_ffff_ffff, 1), (0x35, 64, 1), (0x42, 64, 1)]
    {
        assert_eq!(rig.command(fis(command, lba, count, 0), &[(DATA, 0x2000)]), (0x51, 0x10), "{command:x} {lba}");
        assert_eq!((rig.port(0x10) & 1 << 30, rig.port(0x38)), (1 << 30, 1), "the port has halted");
        rig.recover();
    }
    assert_eq!(rig.command(fis(0x42, 0, 64, 0), &[]), (0x50, 0));
}

#[test]
fn queued_commands_run_together_and_end_in_the_order_of_the_host() {
    let (rig, disk) = Rig::late();
    for slot in 0..3 {
        let mut fis = fis(0x60, u64::from(slot), u16::from(slot as u8) << 3, 1);
        fis[7] = 0x40;
        rig.put(slot, fis, &[(DATA + u64::from(slot) * 512, 512)]);
        rig.set_port(0x34, 1 << slot);
    }
    rig.issue(7);
    assert_eq!((disk.waiting(), rig.port(0x38), rig.port(0x34)), (3, 0, 7));
    // Another command waits for them.
    rig.put(5, fis(0xe5, 0, 0, 0), &[]);
    rig.issue(1 << 5);
    assert_eq!(rig.port(0x38), 1 << 5);
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.port(0x34), rig.port(0x10)), (6, 8));
    assert_eq!(rig.bytes(RECEIVED + 0x58, 8), [0xa1, 0x40, 0x50, 0, 1, 0, 0, 0]);
    disk.complete(Ok(()));
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.port(0x34), rig.port(0x38)), (0, 0));
}

#[test]
fn a_queued_command_that_fails_is_told_by_the_log_and_the_others_are_given_up() {
    let (rig, disk) = Rig::late();
    for slot in 0..2 {
        rig.put(slot, fis(0x60, 0, 0, 1), &[(DATA, 512)]);
    }
    rig.set_port(0x34, 3);
    rig.issue(3);
    disk.complete(Err(std::io::ErrorKind::Other.into()));
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.port(0x34), rig.port(0x20), rig.port(0x10)), (3, 0x4051, 1 << 30 | 8));
    rig.recover();
    assert_eq!(rig.command(fis(0x2f, 0x10, 1, 0), &[(DATA, 512)]), (0x50, 0));
    let log = rig.bytes(DATA, 512);
    assert_eq!((&log[..4], log.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte))), (&[0, 0, 0x51, 0x40][..], 0));
    assert_eq!(rig.command(fis(0x2f, 0x10, 1, 0), &[(DATA, 512)]), (0x50, 0));
    assert_eq!(rig.bytes(DATA, 1), [0x80], "it is told once");
}

#[test]
fn sectors_are_trimmed_by_a_list_of_ranges() {
    let (rig, file) = Rig::disk();
    let range = |lba: u64, count: u64| (lba | count << 48).to_le_bytes();
    let list = [range(2, 3), range(60, 4), [0; 8]].concat();
    rig.memory.write_slice(&[0; 512], GuestAddress(DATA)).unwrap();
    rig.memory.write_slice(&list, GuestAddress(DATA)).unwrap();
    assert_eq!(rig.command(fis(0x06, 0, 1, 1), &[(DATA, 512)]), (0x50, 0));
    let mut now = contents(SECTORS);
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now[5 * 512..60 * 512] == contents(SECTORS)[5 * 512..60 * 512]);
    for (count, features, lba) in [(9, 1, 0), (0, 1, 0), (1, 0, 0), (1, 1, 62)] {
        rig.memory.write_slice(&range(lba, 3), GuestAddress(DATA)).unwrap();
        assert_eq!(rig.command(fis(0x06, 0, count, features), &[(DATA, 0x2000)]).0, 0x51, "{count} {features} {lba}");
        rig.recover();
    }
}

#[test]
fn a_read_only_disk_is_not_written() {
    let disk = file(SECTORS);
    let rig = Rig::new(vec![disk_unit("disk0", raw(&disk, true))]);
    for command in [0x35, 0xca, 0x30, 0x06] {
        assert_eq!(rig.command(fis(command, 0, 1, 1), &[(DATA, 512)]).0, 0x51, "{command:#x}");
        rig.recover();
    }
    assert_eq!(rig.command(fis(0x25, 0, 1, 0), &[(DATA, 512)]), (0x50, 0));
}

#[test]
fn features_power_modes_and_smart_are_what_tools_ask_for() {
    let (rig, _) = Rig::disk();
    for (command, lba, count, features) in
        [(0xef, 0, 0x46, 3), (0xef, 0, 0, 2), (0xef, 0, 0, 0x82), (0xe0, 0, 0, 0), (0xe1, 0, 0, 0), (0xe3, 0, 0, 0)]
    {
        assert_eq!(rig.command(fis(command, lba, count, features), &[]), (0x50, 0), "{command:#x}");
    }
    assert_eq!(rig.command(fis(0xe5, 0, 0, 0), &[]), (0x50, 0));
    assert_eq!(rig.bytes(RECEIVED + 0x40 + 12, 1), [0xff], "it is active");
    assert_eq!(rig.command(fis(0xb0, 0xc2_4f00, 0, 0xda), &[]), (0x50, 0));
    assert_eq!(rig.bytes(RECEIVED + 0x40 + 5, 2), [0x4f, 0xc2], "all is well");
    for (command, features) in [(0xef, 0x10), (0xb0, 0xda), (0xf8, 0), (0x00, 0), (0xa0, 0), (0xa1, 0)] {
        assert_eq!(rig.command(fis(command, 0, 0, features), &[]), (0x51, 4), "{command:#x}");
        rig.recover();
    }
}

#[test]
fn tables_and_data_that_are_no_memory_stop_the_port() {
    let (rig, file) = Rig::disk();
    for ranges in [&[(0x8000, 512)][..], &[(u64::MAX - 100, 512)], &[(DATA, 256), (0x7fff, 256)]] {
        rig.command(fis(0x25, 0, 1, 0), ranges);
        assert_eq!(rig.port(0x10) & 1 << 29, 1 << 29, "{ranges:x?}");
        rig.recover();
    }
    // A table beyond memory, and a list.
    rig.put(0, fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    rig.memory.write_obj(0x8000u32, GuestAddress(LIST + 8)).unwrap();
    rig.issue(1);
    assert_eq!(rig.port(0x10) & 1 << 29, 1 << 29);
    rig.recover();
    rig.set_port(0x04, u32::MAX);
    rig.issue(1);
    assert_eq!(rig.port(0x10) & 1 << 29, 1 << 29);
    rig.set_port(0x04, 0);
    rig.recover();
    // Too little room for the data.
    for command in [0x25, 0x35, 0xec] {
        assert_eq!(rig.command(fis(command, 0, 1, 0), &[(DATA, 511)]), (0x51, 4), "{command:#x}");
        assert_eq!(rig.port(0x10) & 1 << 24, 1 << 24);
        rig.recover();
    }
    let mut now = contents(SECTORS);
    file.read_exact_at(&mut now, 0).unwrap();
    assert!(now == contents(SECTORS));
}

#[test]
fn a_software_reset_ends_with_the_signature() {
    let (rig, _) = Rig::disk();
    let mut control = [0; 20];
    (control[0], control[15]) = (0x27, 4);
    rig.put(0, control, &[]);
    rig.issue(1);
    assert_eq!((rig.port(0x38), rig.port(0x10)), (0, 0));
    control[15] = 0;
    rig.put(1, control, &[]);
    rig.issue(2);
    assert_eq!((rig.port(0x38), rig.port(0x10), rig.port(0x20)), (0, 1, 0x150));
    assert_eq!(rig.bytes(RECEIVED + 0x40, 5), [0x34, 0, 0x50, 1, 1]);
}
