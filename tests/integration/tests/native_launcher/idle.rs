//! A machine whose guest does nothing costs nothing: none of its threads wakes up.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use integration::machine::{Console, DEADLINE, kvm_or_skip};
use integration::namespace::{in_namespace, tap};

use crate::scene::{Scene, finish, text};

/// Over which wake-ups are counted.
const SECOND: Duration = Duration::from_secs(1);

/// How often each thread of `child` has gone to sleep, by its name and number. One that runs or wakes up has to do it again.
fn sleeps(child: &Child) -> BTreeMap<String, u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let counts = tasks.map(|task| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        (format!("{} {}", field("Name:"), field("Pid:")), field("voluntary_ctxt_switches:").parse().unwrap())
    });
    // KVM's own, which looks after its page tables now and then.
    counts.filter(|(name, _)| !name.starts_with("kvm-")).collect()
}

/// Those of `after` that were not so `before`.
fn woken(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<String> {
    let changed = after.iter().filter(|(name, count)| before.get(*name) != Some(*count));
    changed.map(|(name, count)| format!("{name}: {:?}, then {count}", before.get(name))).collect()
}

#[test]
fn a_guest_that_sleeps_with_all_devices_wakes_no_thread() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        tap("tap0", "10.99.0");
        for board in ["q35", "microvm"] {
            let scene = Scene::new();
            scene.sparse("disk", 1 << 20);
            let mut command = scene.launcher(&format!(
                "run --kernel GUEST --memory 64Mi --board {board} --cpus 2 --disk path=disk --net tap=tap0 \
                 --vsock cid=5,path=vm.vsock --virtio-console socket=console \
                 --port name=org.example.agent,socket=agent --balloon size=0 --cmdline"
            ));
            let (mut console, theirs) = Console::pair();
            let (stdin, stdout) = (theirs.try_clone().unwrap(), theirs);
            let command = command.arg("smp idle poweroff").stdin(stdin).stdout(stdout).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            let deadline = Instant::now() + DEADLINE;
            let line = loop {
                let line = console.line(deadline).expect("the guest starts");
                if line.starts_with("idle ") || line.starts_with("fail ") {
                    break line;
                }
            };
            assert_eq!(line, "idle devices=6", "on {board}");
            // The guest still has to go to sleep, and the launcher to write the line, when the host lets them.
            let mut before = sleeps(&child);
            loop {
                sleep(SECOND);
                let now = sleeps(&child);
                let woken = woken(&before, &now);
                if woken.is_empty() {
                    break;
                }
                assert!(Instant::now() < deadline, "on {board}, still: {woken:?}");
                before = now;
            }
            console.send(b"x");
            let output = finish(child);
            assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
        }
    });
}
