//! Answers as lines, in the manner of compilers: `file:line:column: what`.

use crds::admission::Cause;
use crds::check::{Checked, Outcome};
use crds::manifest::Position;
use std::fmt::Write;

/// A line for each object and for each thing that is to be said of it, and how many there were of each outcome.
pub(super) fn report(checked: &[Checked]) -> String {
    let mut text = String::new();
    for one in checked {
        object(one, &mut text);
    }
    let count = |outcome| checked.iter().filter(|checked| checked.outcome == outcome).count();
    let counts = [(Outcome::Allowed, "allowed"), (Outcome::Refused, "refused"), (Outcome::Unreadable, "unreadable")];
    let told = counts.map(|(outcome, word)| (count(outcome), word)).into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
    let told = if told.is_empty() { "nothing to look at".to_owned() } else { told.join(", ") };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{told}");
    text
}

fn object(checked: &Checked, text: &mut String) {
    let mut line = |position: Position, what: &str| {
        let Position { line, column } = position;
        let _ = writeln!(text, "{}", visible(&format!("{}:{line}:{column}: {what}", checked.file)));
    };
    let verdict = match checked.outcome {
        Outcome::Allowed => Some("allowed"),
        Outcome::Refused => Some("refused"),
        Outcome::Unreadable => None,
    };
    if let Some(verdict) = verdict {
        let names = [checked.kind.as_str(), &checked.name].into_iter().filter(|name| !name.is_empty());
        let names = names.collect::<Vec<_>>().join(" ");
        line(checked.position, &format!("{}: {verdict}", if names.is_empty() { "object" } else { &names }));
    }
    for (position, cause) in &checked.found {
        line(*position, &format!("error: {}", told(cause)));
    }
    for warning in &checked.warnings {
        line(checked.position, &format!("warning: {warning}"));
    }
    for (unsupported, position) in checked.unsupported.iter().zip(&checked.unsupported_at) {
        let (field, message, remedy) = (&unsupported.field, &unsupported.message, &unsupported.remedy);
        line(*position, &format!("unsupported: {message} ({field}): {remedy}"));
    }
    for note in &checked.notes {
        line(checked.position, &format!("note: {note}"));
    }
}

/// A cause's message, with the field where the message does not name it.
fn told(cause: &Cause) -> String {
    if cause.message.contains(cause.place()) {
        return cause.message.clone();
    }
    format!("{} ({})", cause.message, cause.place())
}

/// A text of somebody's as one line that does nothing to a terminal.
fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::check::{Caller, File, check};

    fn report_of(text: &str) -> String {
        let file = File { name: "a.yaml", content: Ok(text.as_bytes()) };
        let caller = Caller { draw: &mut || "b".to_owned(), unsupported: &|_| Vec::new() };
        report(&check(&[file], caller))
    }

    #[test]
    fn each_finding_has_its_place() {
        let text = "\
apiVersion: v1
kind: Service
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: \"a\\e[31m\"}
spec:
  hostnam: b
  domain: {devices: {}, memory: {guest: 1Gi}}
---
a: b: c
";
        assert_eq!(
            report_of(text),
            "\
a.yaml:1:1: Service: allowed
a.yaml:1:1: note: v1 Service is none of KubeVirt's kinds: it was not looked at
a.yaml:4:1: VirtualMachineInstance a\\u{1b}[31m: refused
a.yaml:8:3: error: spec.hostnam is not a known field: did you mean \"hostname\"?
a.yaml:11:5: error: This is not YAML: mapping values are not allowed in this context
1 allowed, 1 refused, 1 unreadable
"
        );
        assert_eq!(report_of("# nothing\n"), "nothing to look at\n");
    }
}
