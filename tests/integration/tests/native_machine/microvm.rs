//! The board with virtio-mmio devices.

use integration::machine::{Scene, TestDisk};
use vmm::KernelEntry;

const SCENES: [Scene; 2] = [Scene::Microvm, Scene::MicrovmWithoutAcpi];

#[path = "spine/mod.rs"]
mod spine;

const ENTRIES: [KernelEntry; 2] = [KernelEntry::Pvh, KernelEntry::Linux64];

#[test]
fn a_kernel_starts_by_the_64_bit_linux_entry() {
    let Some(machine) = Scene::Microvm.script("entry") else { return };
    let mut guest = machine.entry(KernelEntry::Linux64).start();
    assert_eq!(guest.line("hello podvisor-guest").value("entry"), "linux64");
    assert_eq!(guest.answer("entry").value("entry"), "linux64");
}

#[test]
fn with_acpi_the_guest_finds_the_board_in_acpi_tables_and_nowhere_else() {
    for entry in ENTRIES {
        let Some(machine) = Scene::Microvm.script("entry") else { return };
        let disk = TestDisk::empty(64);
        let mut guest = machine.entry(entry).disk("disk0", &disk).start();
        let (devices, board) = guest.lines_until("virtio", "ok entry");
        assert_eq!(board.value("board"), "acpi");
        assert_ne!(board.number("rsdp"), 0);
        assert_eq!(board.number("mp"), 0);
        assert_eq!((board.value("fixed"), board.value("ecam")), ("absent", "absent"));
        assert!(devices.iter().all(|device| device.value("trigger") == "edge"));
    }
}

#[test]
fn without_acpi_the_guest_finds_the_board_on_its_command_line_and_in_an_mp_table() {
    for entry in ENTRIES {
        let Some(machine) = Scene::MicrovmWithoutAcpi.script("entry") else { return };
        let mut guest = machine.entry(entry).start();
        let board = guest.answer("entry");
        assert_eq!(board.value("board"), "mptable");
        assert_eq!(board.number("rsdp"), 0);
    }
}
