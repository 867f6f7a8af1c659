//! A network namespace for the machine's TAP, which needs no privilege where user namespaces are allowed.

use std::path::Path;
use std::process::Command;

/// What this process may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// A namespace by `unshare` with this flag.
    Namespace(&'static str),
    /// None, for this reason.
    Refused(String),
    /// Nobody asked for one.
    Unused,
}

/// Root's own namespace first: it works where user namespaces are forbidden.
const FLAGS: [&str; 2] = ["-n", "-Urn"];

impl Network {
    /// Tries to make a TAP in a namespace of its own.
    pub(super) fn find(busybox: &Path) -> Self {
        let mut reason = String::new();
        for flag in FLAGS {
            let mut command = Command::new("unshare");
            command.arg(flag).arg(busybox).args(["tunctl", "-t", "tap0"]).env("LC_ALL", "C");
            match command.output() {
                Ok(output) if output.status.success() => return Self::Namespace(flag),
                Ok(output) => {
                    reason = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
                }
                Err(error) => reason = format!("unshare: {error}"),
            }
        }
        Self::Refused(format!("this machine allows no TAP in a namespace of its own ({reason})"))
    }
}
