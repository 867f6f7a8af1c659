//! How this process ends: one line, and a status that callers can rely on.

use crate::console::message;
use crate::run::Outcome;
use crate::shutdown::Grace;
use crate::signals;
use std::error::Error;
use std::process::ExitCode;
use vmm::StopReason;

/// The guest powered off, or the machine was stopped because somebody asked; the host can run machines.
const DONE: u8 = 0;
/// The configuration is wrong, or the host cannot do it.
const REFUSED: u8 = 1;
/// The guest crashed.
const CRASHED: u8 = 2;

/// Why a machine was stopped before its guest ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A signal asked for it.
    Signal(i32),
    /// The user left the console.
    Leave,
}

impl Request {
    /// How it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Signal(signal) => signals::name(signal),
            Self::Leave => "Ctrl-]",
        }
    }

    /// What is said when it makes the guest power off.
    pub(crate) fn announcement(self, Grace(grace): Grace) -> String {
        let again = match self {
            Self::Signal(_) => "a second signal ends it at once",
            Self::Leave => "Ctrl-] again stops it at once",
        };
        let (name, seconds) = (self.name(), grace.as_secs());
        format!("{name}: the guest has {seconds} s to power off, then the machine is stopped; {again}")
    }
}

/// The machine has run.
pub(crate) fn finished(outcome: &Outcome) -> ExitCode {
    let (line, status) = verdict(outcome);
    if let Some(line) = line {
        message(&line);
    }
    ExitCode::from(status)
}

fn verdict(outcome: &Outcome) -> (Option<String>, u8) {
    match (&outcome.reason, outcome.request) {
        (StopReason::Crashed { message }, _) => (Some(format!("The guest crashed: {message}")), CRASHED),
        (StopReason::DebugExit { status: 0 }, _) | (StopReason::PoweredOff, _) => (None, DONE),
        (StopReason::DebugExit { status }, _) => {
            (Some(format!("The guest ended itself with the failure status {status}")), CRASHED)
        }
        (StopReason::Rebooted { source }, _) => {
            (Some(format!("The guest rebooted (by {source}), which ends this machine")), DONE)
        }
        (_, Some(request)) => {
            let late = outcome
                .overdue
                .map(|Grace(grace)| format!(", since the guest did not power off within {} s", grace.as_secs()));
            (Some(format!("The machine was stopped by {}{}", request.name(), late.unwrap_or_default())), DONE)
        }
        (_, None) => (Some("The machine was stopped".into()), DONE),
    }
}

/// The host has been looked at.
pub(crate) fn examined(can_run: bool) -> ExitCode {
    ExitCode::from(if can_run { DONE } else { REFUSED })
}

/// The machine could not be run.
pub(crate) fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    message(&chain(error));
    ExitCode::from(REFUSED)
}

/// An error and its causes in one line. A cause that says only what its effect said already is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut last = line.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if text != last {
            line.push_str(": ");
            line.push_str(&text);
            last = text;
        }
        cause = error.source();
    }
    line
}

/// The command line asks for help or the version, or is not understood.
pub(crate) fn refused_arguments(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        message(&one_line(&error.render().to_string()));
        return ExitCode::from(REFUSED);
    }
    // Whoever asked for help may have closed the pager by now.
    let _ = error.print();
    ExitCode::from(DONE)
}

/// clap's paragraphs as one line, without its hints on usage.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let told: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let line = told.join(" ");
    format!("{} (see --help)", line.strip_prefix("error: ").unwrap_or(&line))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use std::time::Duration;
    use vmm::ResetSource;

    fn status(reason: StopReason, request: Option<Request>) -> (u8, String) {
        let (line, status) = verdict(&Outcome { reason, request, overdue: None });
        (status, line.unwrap_or_default())
    }

    #[test]
    fn each_way_to_end_has_its_status_and_line() {
        let crash = StopReason::Crashed { message: "Triple fault".into() };
        let reboot = StopReason::Rebooted { source: ResetSource::I8042 };
        let cases = [
            (StopReason::PoweredOff, None, 0, ""),
            (StopReason::PoweredOff, Some(Request::Leave), 0, ""),
            (StopReason::DebugExit { status: 0 }, None, 0, ""),
            (StopReason::DebugExit { status: 3 }, None, 2, "The guest ended itself with the failure status 3"),
            (reboot, None, 0, "The guest rebooted (by the keyboard controller), which ends this machine"),
            (crash.clone(), None, 2, "The guest crashed: Triple fault"),
            (crash, Some(Request::Signal(15)), 2, "The guest crashed: Triple fault"),
            (StopReason::Requested, Some(Request::Signal(15)), 0, "The machine was stopped by SIGTERM"),
            (StopReason::Requested, Some(Request::Leave), 0, "The machine was stopped by Ctrl-]"),
        ];
        for (reason, request, expected, line) in cases {
            assert_eq!(status(reason, request), (expected, line.to_owned()));
        }
    }

    #[test]
    fn a_guest_that_let_its_grace_period_pass_is_told() {
        let stopped = |reason| {
            let outcome =
                Outcome { reason, request: Some(Request::Signal(15)), overdue: Some(Grace(Duration::from_secs(7))) };
            verdict(&outcome)
        };
        let line = "The machine was stopped by SIGTERM, since the guest did not power off within 7 s";
        assert_eq!(stopped(StopReason::Requested), (Some(line.into()), 0));
        assert_eq!(stopped(StopReason::PoweredOff), (None, 0), "at the last moment");
    }

    #[test]
    fn it_is_said_how_long_the_guest_has() {
        assert_eq!(
            Request::Signal(2).announcement(Grace::default()),
            "SIGINT: the guest has 30 s to power off, then the machine is stopped; a second signal ends it at once"
        );
        assert_eq!(
            Request::Leave.announcement(Grace(Duration::from_secs(1))),
            "Ctrl-]: the guest has 1 s to power off, then the machine is stopped; Ctrl-] again stops it at once"
        );
    }

    #[test]
    fn causes_stand_in_one_line_and_none_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Layer(&'static str, #[source] Option<Box<Layer>>);
        let error =
            Layer("A", Some(Box::new(Layer("B", Some(Box::new(Layer("B", Some(Box::new(Layer("C", None))))))))));
        assert_eq!(chain(&error), "A: B: C");
    }

    #[test]
    fn what_clap_says_becomes_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&[], "'launcher' requires a subcommand but one was not provided"),
            (&["run", "--board", "pc"], "invalid value 'pc' for '--board <BOARD>' [possible values: q35, microvm]"),
            (
                &["run", "--memory", "lots"],
                "invalid value 'lots' for '--memory <SIZE[,hugepages=2Mi|1Gi][,shared][,thp=auto|on|off]>': write a whole number of bytes",
            ),
            (&["run", "--kernal", "x"], "unexpected argument '--kernal' found"),
            (&["run", "--kernel"], "a value is required for '--kernel <FILE>' but none was supplied"),
        ];
        for (arguments, start) in cases {
            let error = Cli::read(["launcher"].iter().chain(*arguments)).unwrap_err();
            let line = one_line(&error.render().to_string());
            assert!(line.starts_with(start), "{line}");
            assert!(line.ends_with("(see --help)") && !line.contains('\n'), "{line}");
        }
    }
}
