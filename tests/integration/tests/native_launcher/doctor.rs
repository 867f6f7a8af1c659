//! `launcher doctor` on this host, and on hosts that lack `/dev/kvm` or do not let this user have it.

use super::bad_host::{NOBODY, root_or_skip, without_devices};
use super::scene::{Scene, finish, public_copy, says, text};
use integration::host_differences::{HostKind, host};
use integration::machine::kvm_or_skip;
use integration::paths::launcher;
use integration::skip::skip;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Status, and standard output; nothing stands on standard error.
fn run(mut command: Command) -> (Option<i32>, String) {
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(text(&output.stderr), "");
    (output.status.code(), text(&output.stdout))
}

#[test]
fn a_host_that_runs_machines_is_told_so_and_what_kind_of_kvm_it_has() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let (status, lines) = run(scene.launcher("doctor"));
    assert_eq!(status, Some(0), "{lines}");
    let verdict = lines.lines().last().unwrap();
    assert!(verdict.starts_with("This host runs machines"), "{verdict}");
    let (status, json) = run(scene.launcher("doctor --json"));
    assert_eq!(status, Some(0), "{json}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((report["version"].as_u64(), report["can_run"].as_bool()), (Some(1), Some(true)));
    let items = report["items"].as_object().unwrap();
    let pvm = items["virtualization"]["value"] == "pvm";
    assert_eq!(pvm, host().kind == HostKind::Pvm, "{json}");
    assert_eq!(items["virtualization"]["means"].is_string(), pvm, "{json}");
    for (id, item) in items {
        assert_eq!(item["means"].is_null(), item["status"] == "ok", "{id}: {item}");
        assert!(item["status"] == "ok" || item["required"] == false, "{id}: {item}");
        assert!(lines.contains(id.as_str()), "no {id} in {lines}");
    }
    for id in
        ["kvm_device", "KVM_CAP_IRQFD", "KVM_CAP_READONLY_MEM", "hugetlb", "tun", "vhost_net", "io_uring", "landlock"]
    {
        assert!(items.contains_key(id), "{json}");
    }
}

#[test]
fn a_host_without_devices_cannot_run_machines_and_hears_why() {
    if !root_or_skip() {
        return;
    }
    let scene = Scene::new();
    let mut command = without_devices();
    command.arg(launcher()).arg("doctor");
    scene.prepare(&mut command);
    let (status, lines) = run(command);
    assert_eq!(status, Some(1), "{lines}");
    says(&lines, &["lacking  kvm_device", "there is no /dev/kvm", "so: No machine runs\n", "do: "]);
    says(&lines, &["lacking  tun", "there is no /dev/net/tun\n", "This host cannot run machines: see kvm_device.\n"]);
}

#[test]
fn a_user_who_may_not_use_kvm_hears_which_group_to_join() {
    if !root_or_skip() || !kvm_or_skip() {
        return;
    }
    if fs::metadata("/dev/kvm").unwrap().permissions().mode() & 0o006 != 0 {
        return skip("every user may use /dev/kvm on this host");
    }
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), Permissions::from_mode(0o755)).unwrap();
    public_copy(&launcher(), &scene.path("launcher"));
    let mut command = Command::new(scene.path("launcher"));
    command.arg("doctor").uid(NOBODY).gid(NOBODY);
    scene.prepare(&mut command);
    let (status, lines) = run(command);
    assert_eq!(status, Some(1), "{lines}");
    says(&lines, &["lacking  kvm_device", "may not open it\n", "so: No machine runs\n", "do: ", "sudo "]);
}
