//! Hosts with too little room for the threads of a machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Stdio};

use super::bad_host::root_or_skip;
use super::scene::{Scene, finish, public_copy, text};
use integration::machine::{kvm_or_skip, test_guest};
use integration::paths::launcher;

/// Nobody else's: what counts are the threads of the whole user.
const USER: u32 = 54_321;
/// More than a machine with one vCPU and one disk has.
const MANY: u32 = 24;

#[test]
fn a_machine_on_a_host_with_room_for_few_threads_runs_or_says_which_one_it_lacks() {
    if !root_or_skip() || !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    chown(scene.path(""), Some(USER), None).unwrap();
    fs::set_permissions(scene.path(""), Permissions::from_mode(0o755)).unwrap();
    public_copy(&launcher(), &scene.path("launcher"));
    public_copy(&test_guest(), &scene.path("guest"));
    scene.sparse("disk", 1 << 20);
    chown(scene.path("disk"), Some(USER), None).unwrap();
    let group = fs::metadata("/dev/kvm").unwrap().gid();

    let mut lacked = Vec::new();
    for threads in 1..=MANY {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={USER}")).arg(format!("--regid={group}")).arg("--clear-groups");
        command.args(["prlimit", &format!("--nproc={threads}"), "./launcher", "run", "--kernel", "guest"]);
        command.args(["--cmdline", "echo=ran poweroff", "--disk", "path=disk"]);
        scene.prepare(&mut command);
        let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if output.status.success() {
            assert!(stdout.contains("ok echo ran"), "with {threads} threads it printed {stdout:?}");
            continue;
        }
        assert!(stderr.contains("ulimit -u"), "with {threads} threads it ended with {}: {stderr}", output.status);
        assert!(stderr.contains("os error 11"), "with {threads} threads it ended with {}: {stderr}", output.status);
        lacked.push((threads, stderr));
    }
    // There are some with which it ran, and none of them below one with which it did not.
    let most = lacked.last().map_or(0, |(threads, _)| *threads);
    assert!(most < MANY, "{lacked:?}");
    assert_eq!(lacked.len(), usize::try_from(most).unwrap(), "{lacked:?}");
    // The last threads to be made are the workers'; their machine runs already.
    assert!(lacked.iter().any(|(_, error)| error.contains("Cannot start the worker thread")), "{lacked:?}");
}
