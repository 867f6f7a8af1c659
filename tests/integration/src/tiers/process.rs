//! Runs a child process to its end or to a deadline, and takes what it prints.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// How a process ended.
pub(super) struct Finished {
    /// Standard output.
    pub(super) stdout: String,
    /// Standard error.
    pub(super) stderr: String,
    /// `None` when it was killed at its deadline.
    pub(super) status: Option<ExitStatus>,
}

/// Runs `command` in a process group of its own, which is killed when the process has ended (what it left behind would
/// hold its pipes open) and at the deadline.
pub(super) fn run(command: &mut Command, deadline: Duration) -> Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("Cannot run {}", command.get_program().display()))?;
    let stdout = child.stdout.take().context("No standard output")?;
    let stderr = child.stderr.take().context("No standard error")?;
    let group = Pid::from_child(&child);
    thread::scope(|scope| {
        let stdout = scope.spawn(|| read(stdout));
        let stderr = scope.spawn(|| read(stderr));
        let (end, ended) = mpsc::channel();
        scope.spawn(move || end.send(child.wait()));
        let in_time = ended.recv_timeout(deadline).ok();
        // Nobody may be left to kill.
        let _ = kill_process_group(group, Signal::KILL);
        let status = in_time.transpose().context("Cannot wait for a process")?;
        Ok(Finished { stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default(), status })
    })
}

fn read(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_process_gives_its_output_and_status() {
        let finished =
            run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), Duration::from_secs(60)).unwrap();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    #[test]
    fn at_the_deadline_the_process_and_its_children_are_killed() {
        let finished =
            run(Command::new("sh").args(["-c", "echo begun; sleep 600"]), Duration::from_millis(300)).unwrap();
        assert!(finished.status.is_none());
        assert_eq!(finished.stdout, "begun\n");
    }
}
