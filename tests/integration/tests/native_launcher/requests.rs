//! Ending a machine from outside: the power button, the grace period, and those who do not want to wait.

use super::scene::{Scene, finish, text};
use integration::machine::{Console, DEADLINE, kvm_or_skip};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::Instant;

/// A launcher whose guest has said a line, and that guest's console.
fn start(scene: &Scene, arguments: &str, script: &str, line: &str) -> (Child, Console) {
    let (mut console, theirs) = Console::pair();
    let mut command = scene.launcher(&format!("run --kernel GUEST --memory 64Mi {arguments} --cmdline"));
    command.arg(script).stdin(theirs.try_clone().unwrap()).stdout(theirs).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command); // our copies of the console's other end
    while console.line(Instant::now() + DEADLINE).expect("the guest starts") != line {}
    (child, console)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

const BOARDS: [&str; 2] = ["--board q35", "--board microvm"];

const ALL: [(Signal, &str); 4] =
    [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP"), (Signal::QUIT, "SIGQUIT")];

#[test]
fn a_signal_presses_the_power_button_and_the_guest_powers_off_by_itself() {
    if !kvm_or_skip() {
        return;
    }
    for (board, (number, name)) in BOARDS.into_iter().flat_map(|board| ALL.map(|signal| (board, signal))) {
        let scene = Scene::new();
        let (child, _console) = start(&scene, board, "button poweroff", "button ready");
        signal(&child, number);
        let output = finish(child);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let line = "the guest has 30 s to power off, then the machine is stopped; a second signal ends it at once";
        assert_eq!(text(&output.stderr), format!("launcher: {name}: {line}\n"));
    }
}

#[test]
fn a_guest_that_ignores_the_button_is_stopped_when_its_grace_period_is_over() {
    if !kvm_or_skip() {
        return;
    }
    for board in BOARDS {
        let scene = Scene::new();
        let (child, _console) = start(&scene, &format!("{board} --grace 1"), "wait", "waiting");
        signal(&child, Signal::TERM);
        let output = finish(child);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            text(&output.stderr),
            "launcher: SIGTERM: the guest has 1 s to power off, then the machine is stopped; a second signal ends it \
             at once\nlauncher: The machine was stopped by SIGTERM, since the guest did not power off within 1 s\n"
        );
    }
}

#[test]
fn without_a_grace_period_a_signal_stops_the_machine_at_once() {
    if !kvm_or_skip() {
        return;
    }
    for (number, name) in ALL {
        let scene = Scene::new();
        let (child, _console) = start(&scene, "--grace 0", "button poweroff", "button ready");
        signal(&child, number);
        let output = finish(child);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stderr), format!("launcher: The machine was stopped by {name}\n"));
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_and_leaves_nothing_behind() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let arguments = "--grace 4294967295 --console socket=console";
    let mut command = scene.launcher(&format!("run --kernel GUEST --memory 64Mi {arguments} --cmdline wait"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The machine is about to run when its socket is there; the signals are watched by then.
    let deadline = Instant::now() + DEADLINE;
    while scene.names().is_empty() {
        assert!(Instant::now() < deadline, "no console");
        std::thread::yield_now();
    }
    signal(&child, Signal::INT);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("launcher: SIGINT: the guest has 4294967295 s to power off"), "{line}");
    signal(&child, Signal::TERM);
    assert_eq!(finish(child).status.code(), Some(128 + 15));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(scene.names().len(), 0, "{:?}", scene.names());
}

#[test]
fn a_machine_without_a_power_button_is_not_waited_for() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    scene.file("vm.json", r#"{"version": 1, "vm": {"version": 1, "board": {"kind": "microvm", "acpi": false}}}"#);
    let (child, _console) = start(&scene, "--config vm.json", "wait", "waiting");
    signal(&child, Signal::TERM);
    let output = finish(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = text(&output.stderr);
    assert!(lines.starts_with("launcher: The guest cannot be asked to power off: "), "{lines}");
    assert!(lines.ends_with("\nlauncher: The machine was stopped by SIGTERM\n"), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
}
