//! Disks and drives of the SATA controller.

use integration::machine::{TestDisk, pattern};

use super::machine;

#[test]
fn the_guest_reads_and_writes_sata_disks_in_every_way() {
    let script = "sata=0,r:0:64:1,p:0:64:1,q:0:64:1,w:8:40:4,f,q:8:40:4,do:0xe0:0:0:0,do:0xef:0:0x46:3 \
                  sata=1,q:0:256:2,w:255:1:5,r:255:1:5,fail:0x25:256:1,fail:0xf8:0:0,r:0:8:2";
    let Some(machine) = machine(script) else { return };
    let (first, second) = (TestDisk::patterned(64, 1), TestDisk::patterned(256, 2));
    let mut guest = machine.sata_disk("zebra", &first).sata_disk("ant", &second).start();
    let answer = guest.answer("sata");
    assert_eq!((answer.number("sectors"), answer.number("late")), (64, 0));
    assert_eq!((answer.value("model"), answer.value("serial")), ("PODVISOR-HARDDISK", "zebra"));
    assert!(answer.number("interrupts") > 0);
    let answer = guest.answer("sata");
    assert_eq!((answer.number("sectors"), answer.number("late")), (256, 0));
    assert!(first.sectors(8, 40) == pattern(8, 40, 4) && first.sectors(0, 8) == pattern(0, 8, 1));
    assert!(second.sectors(255, 1) == pattern(255, 1, 5) && second.sectors(0, 255) == pattern(0, 255, 2));
}

#[test]
fn the_controller_interrupts_by_a_message_or_by_its_pin_as_the_guest_wants() {
    for (prefix, messages) in [("", 1), ("intx ", 0)] {
        let Some(machine) = machine(&format!("{prefix}sata=0,r:0:64:1,q:0:64:1,f")) else { return };
        let mut guest = machine.sata_disk("disk0", &TestDisk::patterned(64, 1)).start();
        let answer = guest.answer("sata");
        assert_eq!((answer.number("messages"), answer.number("late")), (messages, 0));
        assert!(answer.number("interrupts") > 0);
    }
}

#[test]
fn sectors_that_are_trimmed_are_a_hole_in_the_hosts_file() {
    let Some(machine) = machine("sata=0,trim:8:16,r:0:8:1,r:24:40:1") else { return };
    let disk = TestDisk::patterned(64, 1);
    machine.sata_disk("disk0", &disk).start().answer("sata");
    assert!(disk.sectors(8, 16).iter().all(|byte| *byte == 0));
    assert!(disk.sectors(24, 40) == pattern(24, 40, 1));
}

#[test]
fn an_atapi_drive_reads_its_disc_which_the_host_takes_out_and_replaces() {
    let script =
        "sata=1,ready,r:0:16:1,cdb:2a000000000000000100:052000,say:reading,sense:023a01,say:empty,ready,r:0:32:2";
    let Some(machine) = machine(script) else { return };
    let (disk, first, second) = (TestDisk::patterned(8, 9), TestDisk::patterned(64, 1), TestDisk::patterned(128, 2));
    let mut guest = machine.sata_disk("disk0", &disk).sata_cdrom("cd0", Some(&first)).start();
    guest.line("reading");
    guest.handle.eject_medium(&"cd0".into(), false).unwrap();
    guest.line("empty");
    guest.handle.insert_medium(&"cd0".into(), std::fs::File::open(second.path()).unwrap()).unwrap();
    let answer = guest.answer("sata");
    assert_eq!((answer.number("blocks"), answer.number("block")), (32, 2048));
    assert_eq!((answer.value("name"), answer.number("late")), ("PODVISORCD-ROM", 0));
}

#[test]
fn a_medium_that_the_host_changed_is_there_after_a_reset() {
    let Some(machine) = machine("sata=0,ready,r:0:32:2 reset=cf9") else { return };
    let disc = TestDisk::patterned(128, 2);
    let mut guest = machine.sata_cdrom("cd0", None).start();
    guest.handle.insert_medium(&"cd0".into(), std::fs::File::open(disc.path()).unwrap()).unwrap();
    assert_eq!(guest.answer("sata").number("blocks"), 32);
    assert_eq!(guest.answer("sata").number("blocks"), 32, "and again");
}
