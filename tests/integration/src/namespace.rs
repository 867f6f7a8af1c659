//! Tests with a network of their own: such a test runs itself again, in a new network namespace.
//!
//! Root makes one directly, others together with a user namespace, where the host allows that. Interfaces are made with
//! `ip`, as a user would; they go with the namespace.

use std::env;
use std::fs;
use std::process::{Command, Output};

use crate::skip;

/// Set in the process inside the namespace.
const INSIDE: &str = "PODVISOR_IN_NAMESPACE";

/// The ways to a namespace, as `unshare` takes them.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Runs `test`, which is all that the calling test does, in a process and a network namespace of its own, without IPv6 on
/// the interfaces that it makes; where this host allows none, the calling test is recorded as skipped.
///
/// # Panics
/// The test fails there; what it printed is in the message.
pub fn in_namespace(test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        // Else the host sends frames to its neighbours now and then. Kernels without IPv6 do not.
        let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        return test();
    }
    let mut reasons = Vec::new();
    for way in WAYS {
        // What every such test needs.
        match run(way, Command::new("ip").args(["tuntap", "add", "dev", "probe", "mode", "tap"])) {
            Ok(_) => return again(way),
            Err(reason) => reasons.push(reason),
        }
    }
    skip::skip(&format!("no network namespace with a TAP interface can be made: {}", reasons.join("; ")));
}

/// Runs the calling test inside.
fn again(way: &[&str]) {
    let name = std::thread::current().name().expect("a test's thread has its name").to_owned();
    let program = env::current_exe().expect("the name of this program");
    let mut command = Command::new(program);
    command.args(["--exact", &name, "--nocapture"]);
    match run(way, &mut command) {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("1 passed"), "{name} was not run in its namespace:\n{text}");
        }
        Err(reason) => panic!("in its namespace: {reason}"),
    }
}

/// Runs `command` in a new namespace; an end that is no success is told with all that was printed.
fn run(way: &[&str], command: &mut Command) -> Result<Output, String> {
    let mut unshare = Command::new("unshare");
    unshare.args(way).arg("--").arg(command.get_program()).args(command.get_args()).env(INSIDE, "1");
    let output = unshare.output().map_err(|error| format!("unshare cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    Err(format!("unshare {}: {}: {}", way.join(" "), output.status, String::from_utf8_lossy(&text).trim()))
}

/// `ip ARGUMENTS`, in the namespace of this process.
///
/// # Panics
/// It fails.
pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip can be run");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes the TAP interface `name` with the address `network`.1 (of 256), and brings it up.
///
/// # Panics
/// The host refuses.
pub fn tap(name: &str, network: &str) {
    ip(&format!("tuntap add dev {name} mode tap"));
    ip(&format!("address add {network}.1/24 dev {name}"));
    ip(&format!("link set {name} up"));
}
