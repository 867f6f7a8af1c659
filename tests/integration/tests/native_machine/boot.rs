//! How a guest comes up, and what it finds.

use integration::machine::{TestDisk, TestMachine};
use std::fs::File;
use vmm::{KernelEntry, VmError};

#[test]
fn a_kernel_with_a_pvh_note_starts_by_pvh_unless_told_otherwise() {
    let Some(machine) = TestMachine::script("entry") else { return };
    let mut guest = machine.start();
    assert_eq!(guest.line("hello podvisor-guest").value("entry"), "pvh");
    assert_eq!(guest.answer("entry").value("entry"), "pvh");
    guest.line("done");
}

#[test]
fn a_kernel_starts_by_the_64_bit_linux_entry() {
    let Some(machine) = TestMachine::script("entry") else { return };
    let mut guest = machine.entry(KernelEntry::Linux64).start();
    assert_eq!(guest.line("hello podvisor-guest").value("entry"), "linux64");
    assert_eq!(guest.answer("entry").value("entry"), "linux64");
}

/// Both ways to describe a board, by both entries.
fn entries() -> [KernelEntry; 2] {
    [KernelEntry::Pvh, KernelEntry::Linux64]
}

#[test]
fn with_acpi_the_guest_finds_the_board_in_sound_acpi_tables_and_nowhere_else() {
    for entry in entries() {
        let Some(machine) = TestMachine::script("entry") else { return };
        let disk = TestDisk::empty(64);
        let mut guest = machine.entry(entry).acpi(true).disk("disk0", &disk).start();
        let (devices, board) = guest.lines_until("virtio", "ok entry");
        assert_eq!(board.value("board"), "acpi");
        assert_eq!(board.number("bad_checksums"), 0);
        assert_eq!(board.number("given_rsdp"), board.number("rsdp"));
        assert_ne!(board.number("rsdp"), 0);
        assert_eq!(board.number("mp"), 0);
        // virtio device ids (VIRTIO 1.2 5): 4 is the entropy source, 2 a block device.
        let ids: Vec<u64> = devices.iter().map(|device| device.number("id")).collect();
        assert_eq!(ids, [4, 2]);
        assert!(devices.iter().all(|device| device.value("trigger") == "edge"));
    }
}

#[test]
fn without_acpi_the_guest_finds_the_board_on_its_command_line_and_in_an_mp_table() {
    for entry in entries() {
        let Some(machine) = TestMachine::script("entry") else { return };
        let disk = TestDisk::empty(64);
        let mut guest = machine.entry(entry).acpi(false).disk("disk0", &disk).start();
        let (devices, board) = guest.lines_until("virtio", "ok entry");
        assert_eq!(board.value("board"), "mptable");
        assert_eq!(board.number("bad_checksums"), 0);
        assert_eq!(board.number("rsdp"), 0);
        assert_eq!(board.number("given_rsdp"), 0);
        let ids: Vec<u64> = devices.iter().map(|device| device.number("id")).collect();
        assert_eq!(ids, [4, 2]);
    }
}

#[test]
fn a_machine_runs_on_a_kvm_that_its_owner_opened() {
    let Some(machine) = TestMachine::script("smp") else { return };
    let kvm = File::options().read(true).write(true).open("/dev/kvm").unwrap();
    let mut guest = machine.cpus(2).kvm(kvm.into()).start();
    assert_eq!(guest.answer("smp").numbers("counters"), [10, 10]);
}

#[test]
fn a_descriptor_that_is_not_kvm_is_refused() {
    let Some(machine) = TestMachine::script("smp") else { return };
    let error = machine.kvm(File::open("/dev/null").unwrap().into()).try_build().expect_err("no KVM");
    assert!(matches!(error, VmError::Kvm(_)), "{error:?}");
}
