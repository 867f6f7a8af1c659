//! `--net`: networks by name and by descriptor, and what is refused.

use super::scene::{Scene, finish, says, text};
use integration::machine::{Console, DEADLINE, kvm_or_skip, test_guest};
use integration::namespace::{in_namespace, ip, tap};
use integration::paths::launcher;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use vmm::open_tap;

/// Starts `command` and waits until its guest's network device works; its MAC address.
fn start(mut command: Command) -> (Child, Console, String) {
    let (mut console, theirs) = Console::pair();
    let child = command.stdout(theirs).stderr(Stdio::piped()).spawn().unwrap();
    drop(command); // our copies of descriptors
    let mac = mac(&mut console);
    (child, console, mac)
}

fn mac(console: &mut Console) -> String {
    loop {
        let line = console.line(Instant::now() + DEADLINE).expect("the guest starts");
        if let Some(values) = line.strip_prefix("net ready mac=") {
            return values.split(' ').next().unwrap().to_owned();
        }
    }
}

/// Has the guest of network 0 echo one datagram.
fn echo() {
    let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
    socket.connect("10.99.0.2:7").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.send(b"to the guest and back").unwrap();
    let mut back = [0; 100];
    let length = socket.recv(&mut back).unwrap();
    assert_eq!(&back[..length], b"to the guest and back");
}

fn ends_well(child: Child) {
    let output = finish(child);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn packets_go_both_ways_through_an_interface_given_by_name() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        tap("tap0", "10.99.0");
        for board in ["q35", "microvm"] {
            let scene = Scene::new();
            let net = "tap=tap0,mac=02:00:00:99:00:02,mtu=1500";
            let mut command = scene.launcher(&format!("run --kernel GUEST --memory 64Mi --board {board} --net {net}"));
            command.args(["--cmdline", "net=0,echo:1 poweroff"]);
            let (child, _console, mac) = start(command);
            assert_eq!(mac, "02:00:00:99:00:02");
            echo();
            ends_well(child);
        }
    });
}

#[test]
fn packets_go_both_ways_through_a_descriptor_that_is_handed_over() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        tap("tap0", "10.99.0");
        let scene = Scene::new();
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 3<&0 </dev/null", "sh"]).arg(launcher());
        command.args(["run", "--memory", "64Mi", "--net", "fd=3", "--cmdline", "net=0,echo:1 poweroff", "--kernel"]);
        command.arg(test_guest());
        scene.prepare(&mut command);
        command.stdin(open_tap("tap0", 1).unwrap().pop().unwrap());
        let (child, _console, _) = start(command);
        echo();
        ends_well(child);
    });
}

#[test]
fn a_network_has_several_queues_by_name_and_by_descriptors() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        ip("tuntap add dev tap0 mode tap multi_queue");
        ip("address add 10.99.0.1/24 dev tap0");
        ip("link set tap0 up");
        let scene = Scene::new();
        let run = "run --memory 64Mi --net";
        let mut named = scene.launcher(&format!("{run} tap=tap0,queues=2 --kernel GUEST"));
        named.args(["--cmdline", "net=0,echo:1 poweroff"]);
        let mut given = Command::new("sh");
        given.args(["-c", "exec \"$@\" 3<&0 4>&2 2>&1 </dev/null", "sh"]).arg(launcher());
        given.args(run.split(' ')).args(["fd=3:4", "--cmdline", "net=0,echo:1 poweroff", "--kernel"]).arg(test_guest());
        scene.prepare(&mut given);
        let (child, _console, _) = start(named);
        echo();
        ends_well(child);
        let [first, second] = open_tap("tap0", 2).unwrap().try_into().unwrap();
        given.stdin(first);
        let (mut console, theirs) = Console::pair();
        let child = given.stdout(theirs).stderr(Stdio::from(second)).spawn().unwrap();
        drop(given);
        mac(&mut console);
        echo();
        assert_eq!(finish(child).status.code(), Some(0));
    });
}

#[test]
fn the_kernel_carries_frames_where_it_can_and_must_only_when_told_to() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        tap("tap0", "10.99.0");
        let scene = Scene::new();
        let mut command = scene.launcher("run --kernel GUEST --memory 64Mi --net tap=tap0,vhost=auto");
        command.env("PODVISOR_LOG", "info");
        command.args(["--cmdline", "net=0,echo:1 poweroff"]);
        let (child, _console, _) = start(command);
        echo();
        let output = finish(child);
        assert_eq!(output.status.code(), Some(0));
        let does_without = text(&output.stderr).contains("The network does without vhost-net");
        let there = Path::new("/dev/vhost-net").exists();
        assert_eq!(does_without, !there, "{}", text(&output.stderr));
        if !there {
            let line = scene.refusal("run --kernel GUEST --net tap=tap0,vhost=on");
            says(
                &line,
                &["(vhost:net0): /dev/vhost-net cannot be opened: load the driver", "No such file or directory"],
            );
        }
    });
}

#[test]
fn an_address_that_nobody_gave_is_made_up_anew_at_each_start() {
    if !kvm_or_skip() {
        return;
    }
    in_namespace(|| {
        tap("tap0", "10.99.0");
        let scene = Scene::new();
        let [first, second] = [(); 2].map(|()| {
            let mut command = scene.launcher("run --kernel GUEST --memory 64Mi --net tap=tap0 --cmdline");
            command.arg("net=0 poweroff");
            let (child, _console, mac) = start(command);
            ends_well(child);
            mac
        });
        assert!(first.starts_with("02:") && second.starts_with("02:") && first != second, "{first} {second}");
    });
}

#[test]
fn an_interface_that_no_machine_can_have_is_refused_by_name() {
    in_namespace(|| {
        let scene = Scene::new();
        ip("tuntap add dev tun0 mode tun");
        ip("tuntap add dev tap0 mode tap");
        let refused = |net: &str| scene.refusal(&format!("run --kernel GUEST --net tap={net}"));
        says(
            &refused("tap7"),
            &["Cannot use the TAP interface tap7 as net0: There is no interface tap7 here", "ip tuntap"],
        );
        says(&refused("tun0"), &["Cannot use the TAP interface tun0 as net0: ", "is a TUN", "not a TAP"]);
        says(&refused("lo"), &["Cannot use the TAP interface lo as net0: ", "not a TAP"]);
        says(&refused("tap0 --net tap=tap0"), &["Cannot use the TAP interface tap0 as net1: ", "is in use"]);
        let _owner = open_tap("tap0", 1).unwrap();
        says(&refused("tap0"), &["Cannot use the TAP interface tap0 as net0: ", "is in use by another process"]);
    });
}

#[test]
fn a_descriptor_that_is_no_tap_is_refused() {
    let scene = Scene::new();
    says(
        &scene.refusal("run --kernel GUEST --net fd=77"),
        &["Cannot take descriptor 77 for net0: ", "no descriptor 77"],
    );
    // Standard input is /dev/null.
    let line = scene.refusal("run --kernel GUEST --net fd=0");
    says(&line, &["Cannot build the machine: ", "The descriptor of net0 is no TAP"]);
}

#[test]
fn a_network_that_is_not_understood_is_refused_with_its_flag() {
    let scene = Scene::new();
    for (net, reason) in [
        ("tap0", "\"tap0\" is not known: write tap=NAME or fd=NUMBER"),
        ("mtu=1500", "the TAP is missing: write tap=NAME or fd=NUMBER"),
        ("tap=a,fd=3", "tap= and fd= exclude each other"),
        ("fd=three", "fd=\"three\" is not the number of a descriptor"),
        ("tap=a,queues=0", "queues=\"0\" is no number of queues: write 1 to 256"),
        ("fd=3,queues=2", "queues= belongs to tap=: descriptors are given one for each queue, fd=3:4"),
        ("tap=a,mtu=67", "mtu=\"67\" is no MTU: write a number of bytes from 68 to 65535"),
        ("tap=a,mac=02:00:00:00:00", "\"02:00:00:00:00\" is no MAC address"),
        ("tap=a,mac=01:00:5e:00:00:01", "01:00:5e:00:00:01 is the MAC address of a group"),
    ] {
        let line = scene.refusal(&format!("run --kernel GUEST --net {net}"));
        says(&line, &[&format!("invalid value '{net}' for '--net <"), reason]);
    }
    let twins = "--net tap=a,mac=02:00:00:00:00:01 --net tap=b,mac=02:00:00:00:00:01";
    says(&scene.refusal(&format!("run --kernel GUEST {twins}")), &["Cannot run this machine: ", "02:00:00:00:00:01"]);
}
