//! Runs a program and gives what it prints line by line, as it comes.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was killed when its time was over.
    TimeLimit,
    /// It was killed because one of its lines asked for it.
    Killed,
}

/// Runs `command` and gives each line of its standard output to `on_line`, without its end, until it ends, breaks off or
/// `limit` has passed. Its input stays open and empty.
///
/// # Errors
/// It cannot be run.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    mut on_line: impl FnMut(&str) -> ControlFlow<()>,
) -> Result<End> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = Running(spawned.with_context(|| format!("Cannot run {}", command.get_program().display()))?);
    let output = child.0.stdout.take().context("No standard output")?;
    // wait() would close it.
    let _input = child.0.stdin.take();
    let process = pidfd_open(Pid::from_child(&child.0), PidfdFlags::empty()).context("Cannot watch a process")?;
    let limit = Timespec::try_from(limit).context("The time limit is too long")?;
    let (in_time, killed) = thread::scope(|scope| -> Result<(bool, bool)> {
        let watch = scope.spawn(|| -> Result<bool> {
            let in_time = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit));
            let in_time = in_time.context("Cannot wait for a process")? > 0;
            if !in_time {
                pidfd_send_signal(&process, Signal::KILL).context("Cannot kill a process")?;
            }
            Ok(in_time)
        });
        let mut killed = false;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("Cannot read a program's output")?;
            // What it had printed before it was killed is none of the caller's business any more.
            if !killed && on_line(String::from_utf8_lossy(&line).trim_end_matches('\r')).is_break() {
                pidfd_send_signal(&process, Signal::KILL).context("Cannot kill a process")?;
                killed = true;
            }
        }
        Ok((watch.join().map_err(|_| anyhow::anyhow!("A thread died"))??, killed))
    })?;
    let status = child.0.wait().context("Cannot wait for a process")?;
    Ok(match (killed, in_time) {
        (true, _) => End::Killed,
        (false, true) => End::Exited(status),
        (false, false) => End::TimeLimit,
    })
}

/// A child that does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lines(script: &str, limit: Duration) -> (Vec<String>, End) {
        let mut lines = Vec::new();
        let end = run(Command::new("sh").args(["-c", script]), limit, |line| {
            lines.push(line.to_owned());
            if line == "kill me" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (lines, end.unwrap())
    }

    #[test]
    fn lines_come_without_their_ends_and_then_the_status() {
        let (lines, end) = lines("printf 'one\\r\\ntwo\\nhalf'; exit 3", Duration::from_secs(60));
        assert_eq!(lines, ["one", "two", "half"]);
        let End::Exited(status) = end else { panic!("{end:?}") };
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn at_the_limit_it_is_killed() {
        // `exec`: nobody is left who holds the output open.
        let (lines, end) = lines("echo begun; exec sleep 600", Duration::from_millis(300));
        assert_eq!(lines, ["begun"]);
        assert_eq!(end, End::TimeLimit);
    }

    #[test]
    fn a_line_can_ask_for_its_end() {
        let (lines, end) = lines("echo one; echo kill me; echo two; exec sleep 600", Duration::from_secs(60));
        assert_eq!(lines, ["one", "kill me"]);
        assert_eq!(end, End::Killed);
    }
}
