//! How the program ends: its status, its last line, its report.

use super::scene::{Scene, finish, text};
use integration::machine::kvm_or_skip;
use std::process::Stdio;

/// Runs a script to its end: status, guest's output, launcher's lines.
fn run(script: &str, arguments: &str) -> (Option<i32>, String, String) {
    let scene = Scene::new();
    let mut command = scene.launcher(&format!("run --kernel GUEST --memory 64Mi {arguments} --cmdline"));
    let output = finish(command.arg(script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_guest_that_powers_off_ends_it_well_and_silently() {
    if kvm_or_skip() {
        let (status, guest, lines) = run("echo=bye poweroff", "");
        assert_eq!((status, lines.as_str()), (Some(0), ""), "{guest}");
        assert!(guest.ends_with("ok echo bye\nbegin poweroff\n"), "{guest}");
    }
}

#[test]
fn a_guest_that_crashes_ends_it_with_status_2_and_the_reason() {
    if kvm_or_skip() {
        for script in ["reset=triple", "crash"] {
            let (status, guest, lines) = run(script, "");
            assert_eq!(status, Some(2), "{guest}{lines}");
            assert!(lines.starts_with("launcher: The guest crashed: vCPU 0"), "{lines}");
            assert_eq!(lines.lines().count(), 1, "{lines}");
        }
    }
}

#[test]
fn the_guests_own_status_decides_between_good_and_bad() {
    if kvm_or_skip() {
        assert_eq!(run("exit=0", "").0, Some(0));
        let (status, _, lines) = run("exit=3", "");
        assert_eq!(status, Some(2));
        assert_eq!(lines, "launcher: The guest ended itself with the failure status 3\n");
    }
}

#[test]
fn a_reboot_ends_it_where_that_was_asked_for() {
    if kvm_or_skip() {
        let (status, guest, lines) = run("reset=i8042", "--on-reboot exit");
        assert_eq!((status, guest.matches("hello ").count()), (Some(0), 1), "{guest}");
        assert_eq!(lines, "launcher: The guest rebooted (by the keyboard controller), which ends this machine\n");
        let (status, guest, _) = run("reset=triple", "--on-triple-fault reset --on-reboot exit");
        assert_eq!((status, guest.matches("hello ").count()), (Some(0), 1), "{guest}");
    }
}

#[test]
fn vcpus_that_can_never_be_added_are_warned_of() {
    if kvm_or_skip() {
        let (status, _, lines) = run("poweroff", "--cpus 1,max=256");
        assert_eq!((status, lines.lines().count()), (Some(0), 1), "{lines}");
        assert!(lines.contains("WARN") && lines.contains("wanted=256 possible=255"), "{lines}");
    }
}

#[test]
fn nothing_of_a_long_output_is_lost_at_the_end() {
    if kvm_or_skip() {
        let (status, guest, lines) = run("flood=20000 poweroff", "");
        assert_eq!((status, lines.as_str()), (Some(0), ""));
        assert!(guest.ends_with("ok flood bytes=20032\nbegin poweroff\n"), "{guest}");
        assert!(guest.len() > 20_032, "{}", guest.len());
    }
}

#[test]
fn the_boot_report_names_each_step_in_its_order() {
    if !kvm_or_skip() {
        return;
    }
    let (status, _, lines) = run("mark=7 poweroff", "--boot-report json");
    assert_eq!(status, Some(0), "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let report: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((report["version"].as_u64(), report["start_source"].as_str()), (Some(1), Some("main")));
    let at = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {lines}"));
    assert!(at("process_start_ns") <= at("kvm_ready_ns") && at("kvm_ready_ns") <= at("memory_ready_ns"), "{lines}");
    assert!(at("memory_ready_ns") <= at("payload_loaded_ns"), "{lines}");
    assert!(at("payload_loaded_ns") <= at("first_kvm_run_ns"), "{lines}");
    assert!(at("first_kvm_run_ns") <= at("first_console_output_ns"), "{lines}");
    assert_eq!(report["guest_markers"][0]["value"].as_u64(), Some(7), "{lines}");
    let (_, _, lines) = run("mark=7 poweroff", "--boot-report text");
    assert!(lines.starts_with("Boot timeline, in milliseconds since entry to main:\n"), "{lines}");
    assert!(lines.contains("  guest marker 0x07 "), "{lines}");
}

#[test]
fn the_parents_clock_begins_the_report_when_it_is_handed_over() {
    if kvm_or_skip() {
        let scene = Scene::new();
        let mut command =
            scene.launcher("run --kernel GUEST --memory 64Mi --console off --boot-report json --cmdline poweroff");
        command.env("PODVISOR_START_NS", "1").stderr(Stdio::piped());
        let output = finish(command.spawn().unwrap());
        let report: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!((report["start_source"].as_str(), report["process_start_ns"].as_u64()), (Some("parent"), Some(1)));
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let scene = Scene::new();
    for (arguments, start) in [
        ("--version", "launcher "),
        ("--help", "Podvisor's launcher"),
        ("run --help", "Run a virtual machine"),
        ("doctor --help", "Say what this host offers"),
    ] {
        let output = scene.launcher(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).starts_with(start), "{}", text(&output.stdout));
        assert_eq!(text(&output.stderr), "");
    }
}
