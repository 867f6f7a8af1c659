//! Firmware that cannot be started: each is refused by one line. On a host whose KVM is PVM none can, and that is said
//! when its files are there.

use super::scene::{Scene, says};
use integration::host_differences::{HostKind, host};
use integration::machine::kvm_or_skip;

/// As much as a small firmware has; `jump`: a processor can begin there.
fn code(size: usize, jump: bool) -> Vec<u8> {
    let mut bytes = vec![0; size];
    if jump {
        bytes[size - 16] = 0xea;
    }
    bytes
}

/// A volume of variables whose length field is `length`.
fn volume(size: usize, length: u8) -> Vec<u8> {
    let mut bytes = vec![0; size];
    bytes[33] = length;
    bytes[40..44].copy_from_slice(b"_FVH");
    bytes
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.file("code.fd", code(8192, true));
    scene.file("vars.fd", volume(8192, 0x20));
    scene
}

/// What is refused for its contents on a host that could run it.
#[track_caller]
fn refused(scene: &Scene, arguments: &str, reasons: &[&str]) {
    let line = scene.refusal(&format!("run --console off --firmware {arguments}"));
    match host().kind {
        HostKind::Pvm => {
            says(&line, &["Firmware cannot run on this host: its KVM is PVM", "Use a host with VMX or SVM"])
        }
        HostKind::Hardware => says(&line, &[&["Cannot build the machine: "], reasons].concat()),
    }
}

#[test]
fn files_that_are_missing_or_of_another_sort_are_refused_by_name() {
    let scene = scene();
    let refusal = |arguments: &str| scene.refusal(&format!("run --console off --firmware {arguments}"));
    const MISSING: &str = "It cannot be found: No such file or directory";
    says(&refusal("bios:missing"), &["Cannot use missing as firmware: ", MISSING]);
    says(&refusal("uefi:missing"), &["Cannot use missing as firmware: ", MISSING]);
    says(&refusal("bios:."), &["Cannot use . as firmware: ", "It is a directory, not a regular file"]);
    says(&refusal("uefi:code.fd,none/vars.fd"), &["Cannot use none/vars.fd as variables: ", MISSING]);
    says(&refusal("bios:code.fd --net fd=0,rom=none.rom"), &["Cannot use none.rom as rom:net0: ", MISSING]);
}

#[test]
fn code_that_is_none_is_refused() {
    if !kvm_or_skip() {
        return;
    }
    let scene = scene();
    scene.file("zeros", code(8192, false));
    scene.file("text", "This is no firmware, but as long. ".repeat(4096));
    scene.file("odd", code(8191, true));
    scene.file("empty", "");
    scene.sparse("large", (16 << 20) + 4096);
    for interface in ["bios", "uefi"] {
        let refused = |file: &str, reason| refused(&scene, &format!("{interface}:{file}"), &[reason]);
        refused("zeros", "The firmware is none: there is no jump at its reset vector");
        refused("text", "The firmware is none: there is no jump at its reset vector");
        refused("odd", "The firmware has 8191 bytes: firmware is whole pages");
        refused("empty", "The firmware has 0 bytes");
        refused("large", "The firmware has 16781312 bytes");
    }
}

#[test]
fn a_variable_store_that_is_none_or_another_firmwares_is_refused() {
    if !kvm_or_skip() {
        return;
    }
    let scene = scene();
    scene.file("zeros.fd", code(8192, false));
    scene.file("odd.fd", volume(8191, 0x20));
    refused(&scene, "uefi:code.fd,zeros.fd", &["The variable store is none: it does not begin with a firmware volume"]);
    refused(&scene, "uefi:code.fd,odd.fd", &["The variable store has 8191 bytes"]);
    refused(&scene, "uefi:code.fd,new.fd", &["There are no variables yet, and no empty store to begin with"]);
    scene.file("small.fd", volume(4096, 0x10));
    scene.file("other.fd", volume(8192, 0x10));
    for (kept, reason) in [
        ("small.fd", "has 4096 bytes where this firmware needs 8192: it belongs to another one; remove it"),
        ("other.fd", "The variable store belongs to another firmware"),
    ] {
        let config = format!(
            r#"{{"version": 1, "vm": {{"version": 1, "payload": {{"kind": "firmware", "interface": "uefi"}}}},
                "resources": {{"firmware": {{"path": "code.fd"}}, "serial0": "off",
                               "variables": {{"variables": {{"path": "{kept}", "template": "vars.fd"}}}}}}}}"#
        );
        scene.file("vm.json", config);
        let line = scene.refusal("run --config vm.json");
        match host().kind {
            HostKind::Pvm => says(&line, &["Firmware cannot run on this host: its KVM is PVM"]),
            HostKind::Hardware => says(&line, &["Cannot build the machine: ", reason]),
        }
    }
}

#[test]
fn what_needs_firmware_or_a_board_for_it_is_refused() {
    let scene = scene();
    says(&scene.refusal("run --board microvm --firmware bios:code.fd"), &["Firmware runs on the q35 board only"]);
    says(&scene.refusal("run --kernel GUEST --fw-cfg opt/a=b"), &["--fw-cfg gives a text to firmware", "--firmware"]);
    says(
        &scene.refusal("run --kernel GUEST --net fd=0,rom=code.fd"),
        &["Cannot run this machine: ", "net0 cannot have an expansion ROM", "use firmware"],
    );
    says(
        &scene.refusal("run --firmware bios:code.fd --disk path=code.fd,bootindex=1 --disk path=vars.fd,bootindex=1"),
        &["Cannot run this machine: ", "disk0 and disk1 have the same boot index 1"],
    );
    says(
        &scene.refusal(&format!("run --firmware bios:code.fd --smbios serial={}", "x".repeat(65))),
        &["Cannot run this machine: ", "serial cannot be told in the SMBIOS tables"],
    );
}
