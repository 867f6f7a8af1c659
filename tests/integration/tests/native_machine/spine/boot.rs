//! How a guest comes up, and what it finds.

use integration::machine::TestDisk;
use std::fs::File;
use vmm::VmError;

use super::{SCENES, machine};

#[test]
fn the_kernel_is_entered_as_it_should_be_and_its_script_runs_to_the_end() {
    for scene in SCENES {
        let Some(machine) = scene.script("entry") else { return };
        let mut guest = machine.start();
        assert_eq!(guest.line("hello podvisor-guest").value("entry"), scene.entry_name());
        assert_eq!(guest.answer("entry").value("entry"), scene.entry_name());
        guest.line("done");
    }
}

#[test]
fn the_tables_that_describe_the_board_are_sound() {
    for scene in SCENES {
        let Some(machine) = scene.script("entry") else { return };
        let disk = TestDisk::empty(64);
        let mut guest = machine.disk("disk0", &disk).start();
        let (devices, board) = guest.lines_until("virtio", "ok entry");
        assert_eq!(board.number("bad_checksums"), 0);
        assert_eq!(board.number("given_rsdp"), board.number("rsdp"));
        // virtio device ids (VIRTIO 1.2 5): 4 is the entropy source, 2 a block device.
        let ids: Vec<u64> = devices.iter().map(|device| device.number("id")).collect();
        assert_eq!(ids, [4, 2]);
    }
}

#[test]
fn a_machine_runs_on_a_kvm_that_its_owner_opened() {
    let Some(machine) = machine("smp") else { return };
    let kvm = File::options().read(true).write(true).open("/dev/kvm").unwrap();
    let mut guest = machine.cpus(2).kvm(kvm.into()).start();
    assert_eq!(guest.answer("smp").numbers("counters"), [10, 10]);
}

#[test]
fn a_descriptor_that_is_not_kvm_is_refused() {
    let Some(machine) = machine("smp") else { return };
    let error = machine.kvm(File::open("/dev/null").unwrap().into()).try_build().expect_err("no KVM");
    assert!(matches!(error, VmError::Kvm(_)), "{error:?}");
}
