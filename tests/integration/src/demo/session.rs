//! One run of the launcher, with its network around it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::parts::Parts;
use super::{CPUS, LIMIT};
use crate::nested::{Board, HOST_NETWORK};

const SCRIPT: &str = include_str!("session.sh");

/// What the test guest does, and how it calls that; the last only with a network.
const STEPS: &str = "smp mem=sparse rng blk=0,w:0:64:7,f,r:0:64:7";
const STEP_NAMES: [&str; 5] = ["smp", "mem", "rng", "blk", "net"];

/// A run of the launcher.
#[derive(Debug)]
pub(super) struct Session {
    board: Board,
    kernel: PathBuf,
    initrd: Option<PathBuf>,
    cmdline: String,
    network: bool,
    /// It ends by itself.
    limited: bool,
    checks: &'static [&'static str],
}

/// What Linux says something about; the last two only with a network.
const CHECKS: [&str; 6] = ["disk", "CPUs", "memory", "entropy", "ping", "TCP"];

impl Session {
    /// Linux, with a script that checks it or a shell.
    pub(super) fn linux(parts: &Parts, board: Board, network: bool, shell: bool) -> Self {
        let mut cmdline = format!("{} demo_cpus={CPUS} demo_network={}", board.cmdline(), u8::from(network));
        if shell {
            cmdline.push_str(" demo_shell=1 quiet");
        }
        Self {
            board,
            kernel: parts.kernel.bzimage.clone(),
            initrd: Some(parts.initramfs.clone()),
            cmdline,
            network,
            limited: !shell,
            checks: if network { &CHECKS } else { &CHECKS[..4] },
        }
    }

    /// The bare-metal test guest.
    pub(super) fn test_guest(kernel: &Path, board: Board, network: bool) -> Self {
        let (steps, checks) = match network {
            true => (format!("{STEPS} net=0 poweroff"), &STEP_NAMES[..]),
            false => (format!("{STEPS} poweroff"), &STEP_NAMES[..4]),
        };
        Self { board, kernel: kernel.to_owned(), initrd: None, cmdline: steps, network, limited: true, checks }
    }

    /// The script for busybox's shell, in which each file stands where `place` says.
    pub(super) fn script(&self, parts: &Parts, place: impl Fn(&Path) -> PathBuf) -> String {
        let place = |path: &Path| place(path).display().to_string();
        let limit = format!("{} timeout -s KILL {}", place(&parts.busybox), LIMIT.as_secs());
        let mut script = String::new();
        for (name, value) in [
            ("BUSYBOX", place(&parts.busybox)),
            ("LAUNCHER", place(&parts.launcher)),
            ("KERNEL", place(&self.kernel)),
            ("INITRD", self.initrd.as_deref().map(place).unwrap_or_default()),
            ("DISK", place(&parts.disk)),
            ("BOARD", self.board.to_string()),
            ("CMDLINE", self.cmdline.clone()),
            ("CPUS", CPUS.to_string()),
            ("NETWORK", u8::from(self.network).to_string()),
            ("REPORT", if self.limited { "json" } else { "text" }.to_owned()),
            ("LIMIT", if self.limited { limit } else { String::new() }),
        ] {
            // Writing to a String does not fail.
            let _ = writeln!(script, "{name}={}", quoted(&value));
        }
        script + HOST_NETWORK + SCRIPT
    }

    /// The checks that its guest reports.
    pub(super) fn expected_checks(&self) -> &'static [&'static str] {
        self.checks
    }

    /// The files that the script uses, but launcher and disk.
    pub(super) fn files<'a>(&'a self, parts: &'a Parts) -> impl Iterator<Item = &'a Path> {
        [Some(parts.busybox.as_path()), Some(&self.kernel), self.initrd.as_deref()].into_iter().flatten()
    }
}

/// `value` as one word of a shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("a b$c"), "'a b$c'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
