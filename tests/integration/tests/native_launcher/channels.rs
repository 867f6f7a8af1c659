//! Sockets and ports of the command line: they reach the guest, and go with the machine.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use integration::machine::{kvm_or_skip, pattern};

use crate::scene::{Scene, finish, text};

#[test]
fn sockets_and_ports_reach_the_guest_and_are_removed_at_the_end() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let service = UnixListener::bind(scene.path("vm.vsock_52")).unwrap();
    let mut command = scene.launcher(
        "run --kernel GUEST --memory 64Mi --console off --vsock cid=5,path=vm.vsock \
         --port name=org.example.agent,socket=agent --balloon size=4Mi --rng bytes=1000 --cmdline",
    );
    let script = "rng vsock=52:0:1:4 ports=echo:4 balloon=target:4,inflate:4 poweroff";
    let child = command.arg(script).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The seed, then the pattern: what the guest sends it gets back.
    let (mut stream, _) = service.accept().unwrap();
    let mut come = vec![0; 8 + 4096];
    stream.read_exact(&mut come).unwrap();
    stream.write_all(&come).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut agent = scene.connect("agent");
    agent.write_all(&pattern(0, 8, 2)).unwrap();
    let mut echo = vec![0; 4096];
    agent.read_exact(&mut echo).unwrap();
    assert!(echo == pattern(0, 8, 2));
    let output = finish(child);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let names: Vec<_> = scene.names().into_iter().collect();
    assert_eq!(names, ["vm.vsock_52"], "only the service's own socket is left");
}

#[test]
fn what_is_wrong_with_a_socket_or_a_port_is_told() {
    let scene = Scene::new();
    scene.file("kernel", "");
    let cases = [
        ("--vsock cid=2,path=s", "cid=\"2\" is no address of a guest"),
        ("--vsock cid=3,path=kernel", "It is there already, and is not a socket"),
        ("--port name=a/b,socket=s", "\"a/b\" cannot name a console port"),
        ("--port name=a,socket=s --port name=a,socket=t", "Two ports are called a"),
        ("--console stdio --virtio-console stdio", "cannot both have the terminal"),
        ("--balloon size=1Gi", "The balloon cannot have 1073741824 bytes"),
        ("--rng bytes=0", "\"0\" is no number of bytes above 0"),
    ];
    for (flags, reason) in cases {
        let line = scene.refusal(&format!("run --kernel kernel {flags}"));
        assert!(line.contains(reason), "{flags}: {line}");
    }
}
