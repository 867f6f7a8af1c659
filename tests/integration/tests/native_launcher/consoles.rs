//! The serial console on a terminal, a pseudo-terminal and a socket.

use super::scene::{Scene, finish, text};
use integration::machine::{Console, DEADLINE, kvm_or_skip};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A terminal as a user has it: the user's side, and the programs' side.
fn terminal() -> (File, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    unlockpt(&user).unwrap();
    let program = ioctl_tiocgptpeer(&user, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    (File::from(user), program)
}

/// Reads until `wanted` has come.
fn read_until(file: &mut File, wanted: &str) -> String {
    let deadline = Timespec { tv_sec: i64::try_from(DEADLINE.as_secs()).unwrap(), tv_nsec: 0 };
    let mut read = Vec::new();
    while !text(&read).contains(wanted) {
        let some = poll(&mut [PollFd::new(&*file, PollFlags::IN)], Some(&deadline)).unwrap();
        assert_eq!(some, 1, "{wanted:?} did not come: {:?}", text(&read));
        let mut chunk = [0; 1024];
        let length = file.read(&mut chunk).unwrap();
        read.extend_from_slice(&chunk[..length]);
    }
    text(&read)
}

#[test]
fn a_terminal_is_raw_while_the_machine_runs_and_ctrl_bracket_leaves_it_as_it_was() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let (mut user, program) = terminal();
    let before = tcgetattr(&program).unwrap();
    let mut command = scene.launcher("run --kernel GUEST --memory 64Mi --grace 0 --cmdline wait");
    let [stdin, stdout] = [(); 2].map(|()| Stdio::from(program.try_clone().unwrap()));
    let child = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    read_until(&mut user, "waiting");
    let raw = tcgetattr(&program).unwrap().local_modes;
    assert!(!raw.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{raw:?}");
    assert!(!fcntl_getfl(&program).unwrap().contains(OFlags::NONBLOCK), "its other users would not expect that");
    user.write_all(b"\x1d").unwrap();
    let output = finish(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr), "launcher: The machine was stopped by Ctrl-]\n");
    let after = tcgetattr(&program).unwrap();
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
}

#[test]
fn ctrl_bracket_presses_the_power_button_and_twice_does_not_wait_for_the_guest() {
    if !kvm_or_skip() {
        return;
    }
    let line = "launcher: Ctrl-]: the guest has 30 s to power off, then the machine is stopped; Ctrl-] again stops it at \
                once\n";
    let last = "launcher: The machine was stopped by Ctrl-]\n";
    for (script, ready, keys, expected) in [
        ("button poweroff", "button ready", "\x1d", line.to_owned()),
        ("wait", "waiting", "\x1d\x1d", format!("{line}{last}")),
    ] {
        let scene = Scene::new();
        let (mut user, program) = terminal();
        let mut command = scene.launcher("run --kernel GUEST --memory 64Mi --cmdline");
        let [stdin, stdout] = [(); 2].map(|()| Stdio::from(program.try_clone().unwrap()));
        let child = command.arg(script).stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        read_until(&mut user, ready);
        user.write_all(keys.as_bytes()).unwrap();
        let output = finish(child);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), expected));
    }
}

#[test]
fn every_other_key_goes_to_the_guest() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let (mut user, program) = terminal();
    let mut command = scene.launcher("run --kernel GUEST --memory 64Mi --cmdline");
    let [stdin, stdout] = [(); 2].map(|()| Stdio::from(program.try_clone().unwrap()));
    let child = command.arg("serial-echo poweroff").stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    read_until(&mut user, "echoing\n");
    user.write_all(b"\x03\x04\x1a\x1c\x11\x13\x7f\n").unwrap();
    let echo = read_until(&mut user, "begin poweroff");
    assert!(echo.starts_with("\x03\x04\x1a\x1c\x11\x13\x7f"), "{echo:?}");
    assert_eq!(finish(child).status.code(), Some(0));
}

#[test]
fn a_refused_machine_leaves_the_terminal_as_it_was() {
    let scene = Scene::new();
    let (_user, program) = terminal();
    let before = format!("{:?}", tcgetattr(&program).unwrap());
    let mut command = scene.launcher("run --kernel /dev/null");
    command.stdin(program.try_clone().unwrap());
    scene.refusal_of(command);
    assert_eq!(format!("{:?}", tcgetattr(&program).unwrap()), before);
}

#[test]
fn a_socket_serves_one_client_after_another_and_is_removed_at_the_end() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    // A file left over by a launcher that was killed is replaced.
    drop(UnixListener::bind(scene.path("console")).unwrap());
    let child = echoing(&mut scene.launcher("run --kernel GUEST --memory 64Mi --console socket=console --cmdline"));
    // The guest may print before anybody is connected: that is discarded. It echoes what comes, when it is ready.
    let mut first = scene.connect("console");
    first_echo(&mut first);
    drop(first);
    let mut second = Console::over(scene.connect("console"));
    second.send(b"\n");
    while second.line(Instant::now() + DEADLINE).expect("the guest answers") != "begin poweroff" {}
    let output = finish(child);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    assert_eq!(scene.names().len(), 0, "{:?}", scene.names());
}

#[test]
fn a_pseudo_terminal_is_told_and_serves_the_guest() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let mut child = echoing(&mut scene.launcher("run --kernel GUEST --memory 64Mi --console pty --cmdline"));
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let name = line.strip_prefix("launcher: The serial console is ").unwrap_or_else(|| panic!("{line:?}")).trim();
    let mut client = File::from(open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap());
    first_echo(&mut client);
    client.write_all(b"\n").unwrap();
    read_until(&mut client, "begin poweroff");
    assert_eq!(finish(child).status.code(), Some(0));
}

/// Starts a guest that echoes up to a newline and powers off.
fn echoing(command: &mut Command) -> Child {
    command.arg("serial-echo poweroff").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Types until the guest echoes: what comes before its serial port is set up is lost, as on any machine.
fn first_echo(client: &mut (impl Read + Write + AsFd)) {
    let deadline = Instant::now() + DEADLINE;
    let pause = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut read = String::new();
    while !read.contains('~') {
        assert!(Instant::now() < deadline, "no echo in {read:?}");
        client.write_all(b"~").unwrap();
        while poll(&mut [PollFd::new(&*client, PollFlags::IN)], Some(&pause)).unwrap() > 0 {
            let mut chunk = [0; 1024];
            let length = client.read(&mut chunk).unwrap();
            assert_ne!(length, 0, "the console is gone after {read:?}");
            read.push_str(&text(&chunk[..length]));
        }
    }
}
