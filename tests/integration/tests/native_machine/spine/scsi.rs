//! Disks and drives on the virtio SCSI bus.

use integration::machine::{TestDisk, pattern};

use super::{SCENES, machine};

#[test]
fn the_guest_reads_and_writes_each_target_of_the_scsi_bus() {
    for scene in SCENES {
        let script = "scsi=0,ready,r:0:64:1,w:8:40:4,f,r:8:40:4 scsi=1,ready,r:0:128:2,w:127:1:5,reset,ready,f";
        let Some(machine) = scene.script(script) else { return };
        let (first, second) = (TestDisk::patterned(64, 1), TestDisk::patterned(128, 2));
        let mut guest = machine.scsi_disk("zebra", &first).scsi_disk("ant", &second).start();
        let answer = guest.answer("scsi");
        assert_eq!((answer.number("blocks"), answer.number("block")), (64, 512));
        assert_eq!((answer.value("name"), answer.value("serial")), ("PODVISORHARDDISK", "zebra"));
        assert_eq!(guest.answer("scsi").number("blocks"), 128);
        assert!(first.sectors(8, 40) == pattern(8, 40, 4) && first.sectors(0, 8) == pattern(0, 8, 1));
        assert!(second.sectors(127, 1) == pattern(127, 1, 5) && second.sectors(0, 127) == pattern(0, 127, 2));
    }
}

#[test]
fn blocks_that_are_given_back_or_zeroed_read_zeros_and_the_others_stay() {
    let script = "scsi=0,ready,unmap:8:16,zero:32:8,z:32:8,r:0:8:1,r:24:8:1,r:40:24:1";
    let Some(machine) = machine(script) else { return };
    let disk = TestDisk::patterned(64, 1);
    let mut guest = machine.scsi_disk("disk0", &disk).start();
    guest.answer("scsi");
    assert!(disk.sectors(32, 8).iter().all(|byte| *byte == 0));
    assert!(disk.sectors(8, 16).iter().all(|byte| *byte == 0), "the host's file has a hole");
    assert!(disk.sectors(0, 8) == pattern(0, 8, 1) && disk.sectors(40, 24) == pattern(40, 24, 1));
}

#[test]
fn what_a_unit_cannot_do_is_refused_with_its_sense() {
    // Reservations in and out, a block behind the end, an unknown page.
    let refused = "cdb:5e000000000000000800:052000,cdb:5f000000000000000000:052000,cdb:28000000004000000100:052100,\
                   cdb:1201c70040:052400";
    let Some(machine) = machine(&format!("scsi=0,ready,{refused},r:0:64:1")) else { return };
    let disk = TestDisk::patterned(64, 1);
    machine.scsi_disk("disk0", &disk).start().answer("scsi");
    assert!(disk.contents() == pattern(0, 64, 1), "the disk was changed, or has grown");
}

#[test]
fn a_drive_reads_its_disc_which_the_host_takes_out_and_replaces() {
    let script =
        "scsi=0,ready,r:0:16:1,cdb:2a000000000000000100:052000,say:reading,sense:023a01,say:empty,ready,r:0:32:2";
    let Some(machine) = machine(script) else { return };
    let (first, second) = (TestDisk::patterned(64, 1), TestDisk::patterned(128, 2));
    let mut guest = machine.scsi_cdrom("cd0", Some(&first)).start();
    guest.line("reading");
    guest.handle.eject_medium(&"cd0".into(), false).unwrap();
    guest.line("empty");
    guest.handle.insert_medium(&"cd0".into(), std::fs::File::open(second.path()).unwrap()).unwrap();
    let answer = guest.answer("scsi");
    assert_eq!((answer.number("blocks"), answer.number("block")), (32, 2048));
    assert_eq!(answer.value("name"), "PODVISORCD-ROM");
    let refused = guest.handle.eject_medium(&"disk0".into(), false).unwrap_err();
    assert_eq!(refused.to_string(), "disk0 is not a CD-ROM drive of this machine");
}

#[test]
fn the_guest_ejects_and_loads_its_disc() {
    let script = "scsi=0,ready,cdb:1e0000000100:000000,cdb:1b0000000200:055302,cdb:1e0000000000:000000,\
                  cdb:1b0000000200:000000,sense:023a02,cdb:1b0000000300:000000,cdb:000000000000:062800,ready,r:0:16:1";
    let Some(machine) = machine(script) else { return };
    let disc = TestDisk::patterned(64, 1);
    machine.scsi_cdrom("cd0", Some(&disc)).start().answer("scsi");
}
