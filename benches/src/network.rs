//! Networks of the machines: TAP interfaces in a network namespace of the bench's own, which goes with it.

use std::env;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};
use rustix::io::{FdFlags, fcntl_setfd};

/// Set in the bench that runs inside: `yes`, or why there is no namespace.
const INSIDE: &str = "PODVISOR_BENCH_NAMESPACE";

/// The ways to a namespace, as `unshare` takes them: root's own first, which works where user namespaces are forbidden.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// A TAP interface.
#[derive(Debug)]
pub struct Tap {
    /// Its name, for programs that take no descriptor.
    pub name: String,
    /// Its queue, where the bench holds it; children inherit it under the same number.
    pub queue: Option<OwnedFd>,
}

impl Tap {
    /// A new interface whose queue this process holds, for programs that take a descriptor.
    ///
    /// # Errors
    /// The host refuses.
    pub fn held(name: &str) -> Result<Self> {
        let mut tap = Self::named(name)?;
        let queue = vmm::open_tap(name, 1)?.into_iter().next().context("A TAP interface without a queue")?;
        fcntl_setfd(&queue, FdFlags::empty()).context("Cannot let children inherit a TAP interface")?;
        tap.queue = Some(queue);
        Ok(tap)
    }

    /// A new interface that is free, for programs that open it by its name.
    ///
    /// # Errors
    /// The host refuses.
    pub fn named(name: &str) -> Result<Self> {
        ip(&["tuntap", "add", "dev", name, "mode", "tap"])?;
        ip(&["link", "set", name, "up"])?;
        Ok(Self { name: name.to_owned(), queue: None })
    }

    /// The number of its descriptor in children.
    pub fn number(&self) -> Option<RawFd> {
        self.queue.as_ref().map(AsRawFd::as_raw_fd)
    }
}

impl Drop for Tap {
    /// The next part may want one of this name.
    fn drop(&mut self) {
        let _it_goes_with_the_namespace_at_the_latest = ip(&["link", "delete", &self.name]);
    }
}

/// Whether this process was started again by [`enter`], and whether its namespace has TAP interfaces: if not, why.
pub fn inside() -> Option<Result<(), String>> {
    let found = env::var(INSIDE).ok()?;
    Some(if found == "yes" { Ok(()) } else { Err(found) })
}

/// Starts `program`, a copy of this one, with the same arguments, in a new network namespace where the host allows one. Builds
/// come before: there is no network inside. Returns only when it cannot be started.
pub fn enter(program: &Path) -> Error {
    let mut reasons = Vec::new();
    for way in WAYS {
        let probe = Command::new("unshare")
            .args(way)
            .args(["--", "ip", "tuntap", "add", "dev", "probe", "mode", "tap"])
            .output();
        match probe {
            Ok(output) if output.status.success() => {
                let mut again = Command::new("unshare");
                again.args(way).arg("--").arg(program).args(env::args_os().skip(1)).env(INSIDE, "yes");
                return Error::new(again.exec()).context("Cannot run unshare");
            }
            Ok(output) => reasons.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => reasons.push(format!("unshare cannot be run: {error}")),
        }
    }
    let reason = format!("no network namespace with a TAP interface can be made: {}", reasons.join("; "));
    let mut again = Command::new(program);
    Error::new(again.args(env::args_os().skip(1)).env(INSIDE, reason).exec()).context("Cannot start the bench again")
}

/// `ip ARGUMENTS`, in the namespace of this process.
///
/// # Errors
/// It fails.
pub fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("Cannot run ip (Debian: package iproute2)")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
