//! Registers, resets, interrupts, state.

use super::*;
use crate::pci::{Command, header};

#[test]
fn it_is_the_sata_function_of_an_ich9_with_six_ports() {
    let (rig, _) = Rig::disk();
    let config = |offset| rig.ahci.read_config(offset, Width::Dword);
    assert_eq!((config(0), config(8), config(0x2c)), (0x2922_8086, 0x0106_0102, 0x1100_1af4));
    assert_eq!((config(0x3c) >> 8 & 0xff, config(0x90) & 0xff), (1, 0x40));
    assert_eq!((rig.read(0x00), rig.read(0x0c), rig.read(0x10)), (0xc034_1f05, 0x3f, 0x0001_0301));
    assert_eq!((rig.port(0x24), rig.port(0x28)), (0x101, 0x133));
    assert_eq!((rig.read(0x180 + 0x24), rig.read(0x180 + 0x28), rig.read(0x180 + 0x20)), (u32::MAX, 0, 0x7f));
    assert_eq!((rig.read(0x400), rig.read(0xffc)), (0, 0));
}

#[test]
fn registers_are_written_whole_and_read_in_parts_too() {
    let (rig, _) = Rig::disk();
    let bar = rig.ahci.bar_device(5).unwrap();
    bar.write(0x104, Width::Word, 0xffff);
    assert_eq!(rig.port(0x04), 0);
    bar.write(0x100, Width::Qword, 0x1_ffff_ffff);
    assert_eq!(bar.read(0x100, Width::Qword), 0x1_ffff_fc00);
    assert_eq!((bar.read(0x12a, Width::Byte), bar.read(0x128, Width::Word)), (0, 0x133));
}

#[test]
fn the_signature_is_received_once_when_receiving_begins() {
    let file = file(SECTORS);
    let media = Arc::new(RemovableDisk::new("cd0".into(), None));
    for (unit, expected) in [
        (disk_unit("a", raw(&file, false)), [0x34, 0, 0x50, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        (drive_unit("a", &media), [0x34, 0, 0x10, 1, 1, 0x14, 0xeb, 0, 0, 0, 0, 0, 1]),
    ] {
        let rig = Rig::new(vec![unit]);
        assert_eq!(rig.bytes(RECEIVED + 0x40, 13), expected);
        rig.memory.write_slice(&[0; 20], GuestAddress(RECEIVED + 0x40)).unwrap();
        rig.set_port(0x18, 0);
        rig.set_port(0x18, 0x10);
        assert_eq!(rig.bytes(RECEIVED + 0x40, 13), [0; 13]);
        // A reset of the device sends it again.
        rig.set_port(0x2c, 1);
        assert_eq!((rig.port(0x28), rig.port(0x20) & 0x80), (0, 0x80));
        rig.set_port(0x2c, 0);
        assert_eq!(rig.bytes(RECEIVED + 0x40, 13), expected);
        assert_eq!((rig.port(0x28), rig.port(0x30)), (0x133, 0x0401_0000));
    }
}

#[test]
fn the_pin_is_asserted_until_the_port_and_then_the_controller_are_cleared() {
    let (rig, _) = Rig::disk();
    assert!(!rig.is_asserted());
    rig.command(fis(0xe5, 0, 0, 0), &[]);
    assert_eq!((rig.port(0x10), rig.read(0x08), rig.is_asserted()), (1, 1, true));
    assert_eq!(rig.ahci.read_config(header::STATUS, Width::Word) & 8, 8);
    rig.write(0x08, 1);
    assert!(rig.is_asserted(), "the port still interrupts");
    rig.ahci.write_config(header::COMMAND, Width::Word, Command::INTX_DISABLE.bits().into());
    assert!(!rig.is_asserted());
    rig.ahci.write_config(header::COMMAND, Width::Word, 0);
    rig.set_port(0x10, 1);
    assert!(rig.is_asserted());
    rig.write(0x08, 1);
    assert!(!rig.is_asserted());
    // What is not enabled interrupts nobody.
    rig.set_port(0x14, 0);
    rig.command(fis(0xe5, 0, 0, 0), &[]);
    assert_eq!((rig.port(0x10), rig.is_asserted()), (1, false));
}

/// MSI on, with this data.
fn enable_messages(rig: &Rig, data: u32) {
    assert_eq!(rig.ahci.read_config(0x34, Width::Byte) & 0xff, 0x40);
    assert_eq!(rig.ahci.read_config(0x40, Width::Byte) & 0xff, 0x05);
    rig.ahci.write_config(0x44, Width::Dword, 0xfee0_0000);
    rig.ahci.write_config(0x4c, Width::Word, data);
    rig.ahci.write_config(0x42, Width::Word, 1);
}

#[test]
fn a_message_is_sent_for_what_is_new_and_for_what_software_leaves() {
    let (rig, _) = Rig::disk();
    let nothing = || rig.command(fis(0xe5, 0, 0, 0), &[]);
    nothing();
    assert!(rig.is_asserted());
    enable_messages(&rig, 0x31);
    assert_eq!((rig.is_asserted(), rig.interrupts.messages()), (false, vec![0x31]), "what was pending is sent");
    nothing();
    assert!(rig.interrupts.messages().is_empty(), "its port has interrupted already");
    rig.write(0x08, 1);
    assert_eq!(rig.interrupts.messages(), [0x31], "the port still interrupts");
    rig.set_port(0x10, 1);
    rig.write(0x08, 1);
    assert_eq!((rig.interrupts.messages(), rig.read(0x08)), (vec![], 0));
    nothing();
    assert_eq!(rig.interrupts.messages(), [0x31]);
    // Interrupts are switched off and on again.
    rig.write(0x04, 1 << 31);
    assert!(rig.interrupts.messages().is_empty());
    rig.write(0x04, 1 << 31 | 2);
    assert_eq!((rig.interrupts.messages(), rig.is_asserted()), (vec![0x31], false));
    rig.ahci.write_config(0x42, Width::Word, 0);
    assert!(rig.is_asserted(), "it has its pin again");
}

#[test]
fn a_message_that_was_pending_is_sent_by_the_copy_of_a_parked_controller() {
    let (rig, disk) = Rig::late();
    enable_messages(&rig, 0x42);
    rig.command(fis(0xe5, 0, 0, 0), &[]);
    rig.ahci.park(Box::new(|| {}));
    let state: AhciState = rig.ahci.save().unwrap().decode().unwrap();
    let ports = vec![disk_unit("disk0", Arc::new(disk))];
    let copy = Rig::restored(ports, Arc::clone(&rig.memory), Some(state)).unwrap();
    assert!(copy.interrupts.messages().is_empty(), "nothing is sent before it runs");
    copy.ahci.unpark();
    assert_eq!((copy.interrupts.messages(), copy.is_asserted()), (vec![0x42], false));
}

#[test]
fn a_port_that_is_stopped_forgets_its_commands_and_runs_until_they_are_over() {
    let (rig, disk) = Rig::late();
    rig.put(3, fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    rig.issue(1 << 3);
    assert_eq!((disk.waiting(), rig.port(0x38), rig.port(0x18) & 0x9f00), (1, 8, 0x8300));
    rig.set_port(0x18, 0x10);
    rig.workers.process();
    assert_eq!((rig.port(0x38), rig.port(0x18) & 0x8000), (0, 0x8000), "the host still has it");
    let tfd = rig.port(0x20);
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.port(0x18) & 0x8000, rig.port(0x10), rig.port(0x20)), (0, 0, tfd));
    rig.start();
    rig.put(0, fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    rig.issue(1);
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.port(0x38), rig.port(0x10)), (0, 1), "and then it works as before");
}

#[test]
fn a_reset_of_the_controller_is_over_when_nothing_runs() {
    let (rig, disk) = Rig::late();
    rig.put(0, fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    rig.issue(1);
    rig.write(0x04, 1);
    rig.workers.process();
    assert_eq!((rig.read(0x04), rig.port(0x38), rig.port(0x00)), (1 << 31 | 1, 0, 0));
    disk.complete(Ok(()));
    rig.workers.process();
    assert_eq!((rig.read(0x04), rig.port(0x10) & 1), (1 << 31, 0));
}

#[test]
fn a_parked_controller_has_nothing_in_flight_and_its_copy_goes_on() {
    let (rig, disk) = Rig::late();
    assert!(rig.ahci.save().is_err(), "it runs");
    rig.put(0, fis(0x25, 0, 1, 0), &[(DATA, 512)]);
    rig.issue(1);
    disk.complete_on_wait();
    rig.workers.drain_by(std::time::Instant::now() + std::time::Duration::from_secs(60));
    rig.put(1, fis(0xe5, 0, 0, 0), &[]);
    rig.set_port(0x38, 2);
    rig.ahci.park(Box::new(|| {}));
    assert_eq!(rig.port(0x10), 1, "the read is over");
    let saved = rig.ahci.save().unwrap();
    let state: AhciState = saved.decode().unwrap();
    let ports = || vec![disk_unit("disk0", Arc::new(disk.clone()))];
    let copy = Rig::restored(ports(), Arc::clone(&rig.memory), Some(state.clone())).unwrap();
    assert_eq!(copy.ahci.save().unwrap(), saved);
    copy.ahci.unpark();
    assert!(copy.is_asserted(), "what was pending is raised again");
    copy.workers.process();
    assert_eq!((copy.port(0x38), copy.port(0x20)), (0, 0x50), "what was issued is carried out");

    let other = Rig::restored(vec![], ram(), Some(state.clone())).map(drop).unwrap_err();
    assert!(std::error::Error::source(&other).is_some() || other.to_string().contains("sata0"), "{other}");
    let media = Arc::new(RemovableDisk::new("cd0".into(), None));
    let drive = vec![drive_unit("disk0", &media)];
    assert!(Rig::restored(drive, ram(), Some(state)).is_err());
    let seven = (0..7).map(|_| disk_unit("d", Arc::new(disk.clone()))).collect();
    let text = Rig::restored(seven, ram(), None).map(drop).unwrap_err().to_string();
    assert_eq!(text, "7 disks are too many for the SATA controller: it has 6 ports");
}
