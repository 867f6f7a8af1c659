//! Disks of the buses that they share: policies, limits, sizes and statistics are those of disks on the virtio bus.

use std::fs::File;
use std::os::unix::fs::FileExt;

use integration::machine::{TestDisk, TestMachine, pattern};
use vmm::{DeviceId, DiskQueueStatistics, OnError, VmEvent};

use super::machine;

const BUSES: [&str; 2] = ["scsi", "sata"];

fn attach(machine: TestMachine, bus: &str, disk: &TestDisk) -> TestMachine {
    if bus == "scsi" { machine.scsi_disk("disk0", disk) } else { machine.sata_disk("disk0", disk) }
}

fn statistics(guest: &integration::machine::Guest) -> DiskQueueStatistics {
    guest.handle.statistics().disks.remove(&DeviceId::from("disk0")).unwrap().remove(0)
}

#[test]
fn a_command_that_the_host_fails_stops_the_machine_and_is_tried_again_when_it_goes_on() {
    for bus in BUSES {
        let ready = if bus == "scsi" { "ready," } else { "" };
        let Some(machine) = machine(&format!("{bus}=0,{ready}r:0:8:1 wait {bus}=0,r:60:4:1,r:0:64:1")) else { return };
        let disk = TestDisk::patterned(64, 1);
        let machine = attach(machine, bus, &disk).configured(|config| config.disks[0].on_error = OnError::Stop);
        let mut guest = machine.start();
        guest.answer(bus);
        guest.line("waiting");
        // The end of the disk is gone, so that reads of it fail.
        let file = File::options().write(true).open(disk.path()).unwrap();
        file.set_len(32 * 512).unwrap();
        guest.send(b"x");
        loop {
            match guest.event() {
                VmEvent::DiskStopped { disk, .. } => assert_eq!(disk.to_string(), "disk0"),
                VmEvent::Paused => break,
                _ => {}
            }
        }
        file.write_all_at(&pattern(32, 32, 1), 32 * 512).unwrap();
        guest.handle.resume().unwrap();
        guest.answer(bus);
        assert_eq!(statistics(&guest).errors, 1, "{bus}");
    }
}

#[test]
fn what_goes_through_a_disk_is_counted() {
    for bus in BUSES {
        let ready = if bus == "scsi" { "ready," } else { "" };
        let Some(machine) = machine(&format!("{bus}=0,{ready}r:0:8:1,w:8:16:4,f")) else { return };
        let disk = TestDisk::patterned(64, 1);
        let mut guest = attach(machine, bus, &disk).start();
        guest.answer(bus);
        let DiskQueueStatistics { reads, read_bytes, writes, written_bytes, flushes, errors, .. } = statistics(&guest);
        assert!(reads > 0 && writes > 0 && flushes > 0, "{bus}");
        assert_eq!((read_bytes, written_bytes, errors), (8 * 512, 16 * 512, 0), "{bus}");
    }
}
