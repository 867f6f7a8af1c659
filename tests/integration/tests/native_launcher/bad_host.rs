//! Hosts that cannot run machines: no `/dev/kvm`, or not for this user.

use super::scene::{Scene, public_copy, says};
use integration::machine::{kvm_or_skip, test_guest};
use integration::paths::launcher;
use integration::skip::skip;
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user who owns nothing.
pub const NOBODY: u32 = 65534;

/// Changing users and mounts is for root.
pub fn root_or_skip() -> bool {
    if geteuid().is_root() {
        return true;
    }
    skip("only root can take /dev/kvm away from a process");
    false
}

/// What is appended runs in mounts of its own, where /dev is empty.
pub fn without_devices() -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount -t tmpfs none /dev && exec \"$@\"", "sh"]);
    command
}

#[test]
fn a_host_without_kvm_is_refused() {
    if !root_or_skip() {
        return;
    }
    let scene = Scene::new();
    let mut command = without_devices();
    command.arg(launcher()).args(["run", "--console", "off", "--kernel"]).arg(test_guest());
    scene.prepare(&mut command);
    says(
        &scene.refusal_of(command),
        &["Cannot build the machine: ", "/dev/kvm", "No such file or directory (os error 2)"],
    );
}

#[test]
fn a_user_who_may_not_use_kvm_is_refused() {
    if !root_or_skip() || !kvm_or_skip() {
        return;
    }
    if fs::metadata("/dev/kvm").unwrap().permissions().mode() & 0o006 != 0 {
        return skip("every user may use /dev/kvm on this host");
    }
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), Permissions::from_mode(0o755)).unwrap();
    public_copy(&launcher(), &scene.path("launcher"));
    public_copy(&test_guest(), &scene.path("guest"));
    let mut command = Command::new(scene.path("launcher"));
    command.args(["run", "--console", "off", "--kernel", "guest"]);
    // std gives up all supplementary groups with this.
    command.uid(NOBODY).gid(NOBODY);
    scene.prepare(&mut command);
    says(&scene.refusal_of(command), &["Cannot build the machine: ", "/dev/kvm", "Permission denied (os error 13)"]);
}
