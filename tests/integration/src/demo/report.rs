//! Shows what a guest prints, and collects what it says about its checks.

use vmm::BootTimeline;

use super::timeline;

/// How a line begins that tells of a check.
const PREFIX: &str = "check: ";

/// The most of a result's text that is shown, in characters.
const LONGEST: usize = 80;

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    good: bool,
    name: String,
    detail: String,
}

/// What one machine has said.
#[derive(Debug)]
pub(super) struct Report {
    /// The checks that must have been reported in the end.
    expected: Vec<&'static str>,
    checks: Vec<Check>,
    timeline: Option<BootTimeline>,
}

impl Report {
    /// A report that is good when all of `expected` are.
    pub(super) fn new(expected: &[&'static str]) -> Self {
        Self { expected: expected.to_vec(), checks: Vec::new(), timeline: None }
    }

    /// Takes one line, and shows it unless it is for a table below.
    pub(super) fn line(&mut self, line: &str) {
        match (parse(line), timeline::parse(line)) {
            (Some(check), _) => self.checks.push(check),
            (_, Some(timeline)) => self.timeline = Some(timeline),
            _ => println!("  | {}", line.strip_prefix(PREFIX).unwrap_or(line)),
        }
    }

    /// Prints the results, with the launcher's exit status as the last of them; whether all are good.
    pub(super) fn finish(mut self, status: i32) -> bool {
        self.add_missing();
        let detail = match status {
            0 => "the guest switched itself off, and the launcher ended with status 0".to_owned(),
            status => format!("the launcher ended with status {status}"),
        };
        self.checks.push(Check { good: status == 0, name: "power-off".into(), detail });
        println!();
        for Check { good, name, detail } in &self.checks {
            println!("{} {name:10} {}", if *good { "good" } else { "BAD " }, shortened(detail));
        }
        if let Some(timeline) = &self.timeline {
            print!("\n{}", timeline::table(timeline));
        }
        self.checks.iter().all(|check| check.good)
    }

    fn add_missing(&mut self) {
        for name in &self.expected {
            if !self.checks.iter().any(|check| check.name == *name) {
                let detail = "the guest said nothing about it".to_owned();
                self.checks.push(Check { good: false, name: (*name).to_owned(), detail });
            }
        }
    }
}

/// The test guest tells more than fits into a line.
fn shortened(detail: &str) -> String {
    match detail.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ..", detail[..end].trim_end()),
        None => detail.to_owned(),
    }
}

/// `check: good|bad NAME: DETAIL`, or an answer of the test guest, `ok|fail NAME DETAIL`.
fn parse(line: &str) -> Option<Check> {
    let (word, rest) = line.strip_prefix(PREFIX).unwrap_or(line).split_once(' ')?;
    let (good, separator) = match word {
        "good" | "bad" if line.starts_with(PREFIX) => (word == "good", ": "),
        "ok" | "fail" => (word == "ok", " "),
        _ => return None,
    };
    let (name, detail) = rest.split_once(separator).unwrap_or((rest, ""));
    Some(Check { good, name: name.to_owned(), detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_from_other_lines() {
        let check = |good, name: &str, detail: &str| Some(Check { good, name: name.into(), detail: detail.into() });
        assert_eq!(parse("check: good disk: all: fine"), check(true, "disk", "all: fine"));
        assert_eq!(parse("check: bad CPUs: 1, not 2"), check(false, "CPUs", "1, not 2"));
        assert_eq!(parse("ok smp cpus=2"), check(true, "smp", "cpus=2"));
        assert_eq!(parse("check: the guest restarts"), None);
        assert_eq!(parse("good grief"), None);
    }

    #[test]
    fn it_is_good_only_when_every_expected_check_was_and_the_launcher_ended_well() {
        let said = |lines: &[&str], status| {
            let mut report = Report::new(&["disk", "CPUs"]);
            lines.iter().for_each(|line| report.line(line));
            report.finish(status)
        };
        assert!(said(&["check: good disk: x", "check: good CPUs: 2"], 0));
        assert!(!said(&["check: good disk: x", "check: good CPUs: 2"], 2));
        assert!(!said(&["check: good disk: x"], 0));
        assert!(!said(&["check: good disk: x", "check: bad CPUs: 1"], 0));
    }
}
