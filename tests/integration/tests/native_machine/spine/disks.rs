//! virtio disks: what the guest writes the host finds byte for byte, and the other way round.

use integration::machine::{TestDisk, pattern};

use super::{SCENES, machine};

/// Offset of a sector in a disk's bytes.
fn at(sector: usize) -> usize {
    sector * 512
}

#[test]
fn the_guest_reads_what_the_host_wrote() {
    let Some(machine) = machine("blk=0,r:0:256:7,poll,r:0:256:7,r:255:1:7") else { return };
    let disk = TestDisk::patterned(256, 7);
    let mut guest = machine.disk("disk0", &disk).start();
    let answer = guest.answer("blk");
    assert_eq!(answer.number("sectors"), 256);
    assert_eq!(answer.number("readonly"), 0);
}

#[test]
fn the_host_finds_what_the_guest_wrote_and_nothing_else_changed() {
    let Some(machine) = machine("blk=0,w:0:1:3,w:8:40:4,w:255:1:5,f,r:8:40:4") else { return };
    let disk = TestDisk::patterned(256, 1);
    let mut guest = machine.disk("disk0", &disk).start();
    guest.answer("blk");
    let mut expected = pattern(0, 256, 1);
    expected[at(0)..at(1)].copy_from_slice(&pattern(0, 1, 3));
    expected[at(8)..at(48)].copy_from_slice(&pattern(8, 40, 4));
    expected[at(255)..].copy_from_slice(&pattern(255, 1, 5));
    assert!(disk.contents() == expected, "the disk is not what it should be");
}

#[test]
fn a_read_only_disk_can_be_read_and_not_written() {
    let Some(machine) = machine("blk=0,r:0:64:1,wfail:0:1,wfail:63:1,r:0:64:1") else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = machine.read_only_disk("disk0", &disk).start();
    assert_eq!(guest.answer("blk").number("readonly"), 1);
    assert!(disk.contents() == pattern(0, 64, 1), "the disk was written");
}

#[test]
fn a_disk_tells_its_serial() {
    // 20 bytes are the most that GET_ID can tell (VIRTIO 1.2 5.2.6).
    let Some(machine) = machine("blk=ABCDEFGHIJ0123456789,r:0:8:2 blk=second,r:0:8:3") else { return };
    let (first, second) = (TestDisk::patterned(8, 2), TestDisk::patterned(8, 3));
    let mut guest = machine
        .disk_with_serial("disk0", &first, "ABCDEFGHIJ0123456789")
        .disk_with_serial("disk1", &second, "second")
        .start();
    let told = guest.answer("blk");
    assert_eq!((told.value("serial"), told.number("disk")), ("ABCDEFGHIJ0123456789", 0));
    let told = guest.answer("blk");
    assert_eq!((told.value("serial"), told.number("disk")), ("second", 1));
}

#[test]
fn disks_come_in_the_order_of_the_configuration_and_are_not_mixed_up() {
    for scene in SCENES {
        let Some(machine) = scene.script("blk=0,r:0:32:1,w:8:8:11,f blk=1,r:0:64:2,w:8:8:12,f") else { return };
        let (first, second) = (TestDisk::patterned(32, 1), TestDisk::patterned(64, 2));
        let mut guest = machine.disk("zebra", &first).disk("ant", &second).start();
        assert_eq!(guest.answer("blk").number("sectors"), 32);
        assert_eq!(guest.answer("blk").number("sectors"), 64);
        assert!(first.sectors(8, 8) == pattern(8, 8, 11));
        assert!(second.sectors(8, 8) == pattern(8, 8, 12));
        assert!(first.sectors(16, 16) == pattern(16, 16, 1));
    }
}

#[test]
fn sectors_beyond_the_end_cannot_be_read_or_written() {
    let script = "blk=0,wfail:64:1,rfail:64:1,wfail:63:2,rfail:63:2,wfail:0x7fffffffffffff:1,r:63:1:1";
    let Some(machine) = machine(script) else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = machine.disk("disk0", &disk).start();
    guest.answer("blk");
    assert!(disk.contents() == pattern(0, 64, 1), "the disk was changed, or has grown");
}

#[test]
fn fifteen_disks_each_have_an_interrupt_of_their_own() {
    let script: Vec<String> = (0..15).map(|index| format!("blk={index},r:0:8:{index},w:0:8:{}", index + 20)).collect();
    for scene in SCENES {
        let Some(mut machine) = scene.script(&script.join(" ")) else { return };
        let disks: Vec<TestDisk> = (0..15).map(|index| TestDisk::patterned(8, index)).collect();
        for (index, disk) in disks.iter().enumerate() {
            machine = machine.disk(&format!("disk{index}"), disk);
        }
        let mut guest = machine.start();
        for index in 0..15 {
            let answer = guest.answer("blk");
            assert_eq!((answer.number("disk"), answer.number("late")), (index, 0));
        }
        assert!((20..).zip(&disks).all(|(seed, disk)| disk.contents() == pattern(0, 8, seed)));
    }
}
