//! One batch of starts at once, each measured from just before its fork to the guest's first byte.

use std::fs::{self, File};
use std::io::{ErrorKind, PipeReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use crate::machines::{End, Guest, Place, Subject};
use crate::monotonic::{milliseconds, now_ns};

/// After how long a start has failed.
const LIMIT: Duration = Duration::from_secs(20);
/// What the test guest prints first.
const GREETING: &[u8] = b"hello podvisor-guest";

/// What one start took.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its process start.
    pub started_ns: u64,
    /// Process start to the guest's first byte in the bench, in ms.
    pub first_output_ms: f64,
    /// Page faults of the process until then; `None` where it had ended when it was asked.
    pub page_faults: Option<f64>,
    /// The steps, in ms since the process start, of those that tell.
    pub steps: Option<Steps>,
}

/// Times of steps, in ms since the process start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steps {
    /// The VM object exists.
    pub kvm_ready: f64,
    /// Guest memory is mapped and registered.
    pub memory_ready: f64,
    /// The guest's image is in memory.
    pub payload_loaded: f64,
    /// Just before the first `KVM_RUN`.
    pub first_kvm_run: f64,
    /// The first byte has reached the serial port.
    pub first_console_output: f64,
}

/// The line of JSON in which our programs tell their times.
#[derive(Deserialize)]
struct Report {
    kvm_ready_ns: u64,
    memory_ready_ns: u64,
    payload_loaded_ns: u64,
    first_kvm_run_ns: u64,
    first_console_output_ns: u64,
}

/// A program that was started.
struct Running<'a> {
    subject: &'a Subject,
    child: Child,
    output: PipeReader,
    printed: Vec<u8>,
    started_ns: u64,
    first_byte_ns: Option<u64>,
    page_faults: Option<f64>,
    ended: bool,
    errors: PathBuf,
}

/// Starts `subject` once in each of `places`, one right after the other, and waits until all have ended.
pub fn start(subject: &Subject, guest: &Guest<'_>, places: &[Place]) -> Vec<Result<Start>> {
    let deadline = Instant::now() + LIMIT;
    let mut all: Vec<Result<Running<'_>>> = places.iter().map(|place| Running::spawn(subject, guest, place)).collect();
    watch(&mut all, deadline);
    all.into_iter().map(|running| running?.finish()).collect()
}

/// Reads what they print until each has said enough.
fn watch(all: &mut [Result<Running<'_>>], deadline: Instant) {
    loop {
        let mut open: Vec<&mut Running<'_>> = all.iter_mut().flatten().filter(|running| !running.is_done()).collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if open.is_empty() || left.is_zero() {
            return;
        }
        let ready: Vec<bool> = {
            let mut polled: Vec<_> = open.iter().map(|running| PollFd::new(&running.output, PollFlags::IN)).collect();
            let left = Timespec::try_from(left).ok();
            // Interrupted: nobody is ready, and the next round asks again.
            let _count = poll(&mut polled, left.as_ref());
            polled.iter().map(|polled| !polled.revents().is_empty()).collect()
        };
        for (running, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            running.read();
        }
    }
}

impl<'a> Running<'a> {
    fn spawn(subject: &'a Subject, guest: &Guest<'_>, place: &Place) -> Result<Self> {
        let arguments = subject.kind.arguments(guest, place)?;
        let (output, theirs) = std::io::pipe().context("Cannot make a pipe")?;
        let errors = place.errors().join("stderr");
        let mut command = Command::new(&subject.program);
        command.args(arguments).stdin(Stdio::null()).stdout(theirs);
        command.stderr(File::create(&errors).with_context(|| format!("Cannot make {}", errors.display()))?);
        // The last line is to say why a program failed.
        command.env("RUST_BACKTRACE", "0");
        let started_ns = now_ns();
        command.env("PODVISOR_START_NS", started_ns.to_string());
        let child = command.spawn().with_context(|| format!("Cannot run {}", subject.program.display()))?;
        let (printed, first_byte_ns, page_faults, ended) = (Vec::new(), None, None, false);
        Ok(Self { subject, child, output, printed, started_ns, first_byte_ns, page_faults, ended, errors })
    }

    /// Whether nothing more of its output is of interest.
    fn is_done(&self) -> bool {
        self.ended
            || match self.subject.kind.end() {
                End::FirstByte | End::PowerOff => false, // they end
                End::Killed => self.printed.contains(&b'\n'),
            }
    }

    fn read(&mut self) {
        let now = now_ns();
        let mut bytes = [0; 4096];
        match self.output.read(&mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                if self.first_byte_ns.is_none() {
                    self.first_byte_ns = Some(now);
                    self.page_faults = page_faults(&self.child);
                }
                self.printed.extend(bytes.iter().take(count));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.ended = true,
        }
    }

    /// Waits for its end, and says what it took.
    fn finish(mut self) -> Result<Start> {
        let in_time = self.is_done();
        if !self.ended {
            self.child.kill().context("Cannot kill a program")?;
        }
        let status = self.child.wait().context("Cannot wait for a program")?;
        let told = fs::read_to_string(&self.errors).unwrap_or_default();
        let printed = String::from_utf8_lossy(&self.printed);
        let expected = if self.subject.kind.end() == End::FirstByte { &GREETING[..1] } else { GREETING };
        let killed = self.subject.kind.end() == End::Killed;
        if !self.printed.starts_with(expected) || !(killed || status.success()) || !in_time {
            let late = if in_time { "" } else { " after its time was over" };
            bail!("{}{late}; {}", status, last_words(&told, &printed));
        }
        let first_byte_ns = self.first_byte_ns.context("A byte without a time")?;
        let report = told.lines().rev().find_map(|line| serde_json::from_str::<Report>(line).ok());
        let since = |ns| milliseconds(self.started_ns, ns);
        let steps = report.map(|report| Steps {
            kvm_ready: since(report.kvm_ready_ns),
            memory_ready: since(report.memory_ready_ns),
            payload_loaded: since(report.payload_loaded_ns),
            first_kvm_run: since(report.first_kvm_run_ns),
            first_console_output: since(report.first_console_output_ns),
        });
        Ok(Start {
            started_ns: self.started_ns,
            first_output_ms: since(first_byte_ns),
            page_faults: self.page_faults,
            steps,
        })
    }
}

/// What a program that failed said last.
fn last_words(told: &str, printed: &str) -> String {
    let last = |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
    match (last(told), last(printed)) {
        (Some(told), _) => format!("it said: {told}"),
        (None, Some(printed)) => format!("it printed: {printed}"),
        (None, None) => "it said nothing".to_owned(),
    }
}

/// Minor and major faults so far (proc_pid_stat(5), fields 10 and 12).
fn page_faults(child: &Child) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    faults_of(&stat)
}

fn faults_of(stat: &str) -> Option<f64> {
    // The program's name, field 2, may contain anything: what counts comes behind its last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(field(10)? + field(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 123 0 4 0 1 2 0 0";
        assert_eq!(faults_of(stat), Some(127.0));
        assert_eq!(faults_of(""), None);
    }

    #[test]
    fn the_last_line_on_standard_error_says_why_a_program_failed() {
        assert_eq!(last_words("a\nb\n\n", "c"), "it said: b");
        assert_eq!(last_words("", "c\n"), "it printed: c");
        assert_eq!(last_words("", ""), "it said nothing");
    }
}
