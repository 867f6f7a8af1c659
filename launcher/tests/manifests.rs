//! `launcher validate` and `launcher defaults` as programs: files and standard input in, lines, JSON and an exit
//! status out.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const VMI: &str = "\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: a}
spec:
  domain:
    devices: {autoattachPodInterface: false}
    memory: {guest: 1Gi}
";

/// What the program printed on standard output and standard error, and its status.
struct Ended {
    out: String,
    err: String,
    status: i32,
}

impl Ended {
    fn results(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn launcher(directory: &Path, arguments: &[&str], input: Option<&str>) -> Ended {
    let input = input.map(|name| Stdio::from(File::open(directory.join(name)).unwrap()));
    let output = Command::new(env!("CARGO_BIN_EXE_launcher"))
        .args(arguments)
        .current_dir(directory)
        .stdin(input.unwrap_or_else(Stdio::null))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { out: text(output.stdout), err: text(output.stderr), status: output.status.code().unwrap() }
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

#[test]
fn the_status_says_the_worst_that_was_found() {
    let bad = VMI.replace("domain:", "hostnam: b\n  domain:");
    let files = directory(&[("good", VMI), ("bad", &bad), ("broken", "a: b: c\n")]);
    for (arguments, status, last) in [
        (&["good"][..], 0, "1 allowed\n"),
        (&["good", "bad"], 1, "1 allowed, 1 refused\n"),
        (&["good", "bad", "broken"], 2, "1 allowed, 1 refused, 1 unreadable\n"),
        (&["good", "gone"], 2, "1 allowed, 1 unreadable\n"),
        (&["."], 2, "1 unreadable\n"),
        (&["/dev/zero"], 2, "1 unreadable\n"),
        (&["/dev/null"], 0, "nothing to look at\n"),
    ] {
        let ended = launcher(files.path(), &[&["validate"], arguments].concat(), None);
        assert_eq!(ended.status, status, "{arguments:?}: {}", ended.out);
        assert!(ended.out.ends_with(last) && ended.err.is_empty(), "{arguments:?}: {}{}", ended.out, ended.err);
    }
    let ended = launcher(files.path(), &["validate", "bad"], None);
    assert!(ended.out.contains("bad:5:3: error: spec.hostnam is not a known field"), "{}", ended.out);
}

#[test]
fn json_has_one_result_for_each_object() {
    let files = directory(&[("a", &format!("{VMI}---\napiVersion: v1\nkind: Pod\n")), ("b", "\"")]);
    let ended = launcher(files.path(), &["validate", "--output", "json", "a", "b", "gone"], None);
    let results = ended.results();
    let told = |result: &Value| {
        let text = result["file"].as_str().unwrap().to_owned();
        (text, result["line"].as_u64().unwrap(), result["allowed"].as_bool().unwrap())
    };
    let found: Vec<_> = results.iter().map(told).collect();
    let found: Vec<_> = found.iter().map(|(file, line, allowed)| (file.as_str(), *line, *allowed)).collect();
    assert_eq!(found, [("a", 1, true), ("a", 9, true), ("b", 1, false), ("gone", 1, false)]);
    assert_eq!(ended.status, 2);
}

#[test]
fn what_podvisor_cannot_do_counts_only_when_asked() {
    let vmi = VMI.replace("devices: {", "devices: {tpm: {}, ");
    let files = directory(&[("vmi", &vmi)]);
    let ended = launcher(files.path(), &["validate", "--output", "json", "vmi"], None);
    let result = ended.results().remove(0);
    assert_eq!((ended.status, &result["allowed"]), (0, &Value::Bool(true)));
    assert_eq!(result["unsupported"][0]["field"], "spec.domain.devices.tpm");
    let ended = launcher(files.path(), &["validate", "--strict", "vmi"], None);
    assert!(ended.out.contains("vmi:6:15: unsupported: There is no TPM (spec.domain.devices.tpm):"), "{}", ended.out);
    assert_eq!(ended.status, 1);
    let ended = launcher(directory(&[("good", VMI)]).path(), &["validate", "--strict", "good"], None);
    assert_eq!(ended.status, 0, "{}", ended.out);
}

#[test]
fn standard_input_is_a_file_like_others() {
    let files = directory(&[("good", VMI)]);
    let ended = launcher(files.path(), &["validate", "-"], Some("good"));
    assert_eq!((ended.out.as_str(), ended.status), ("-:1:1: VirtualMachineInstance a: allowed\n1 allowed\n", 0));
    let ended = launcher(files.path(), &["defaults", "--output", "json", "-"], Some("good"));
    let stored: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(stored["spec"]["domain"]["machine"]["type"], "q35");
}

#[test]
fn defaults_are_printed_and_are_defaults_of_themselves() {
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n";
    let files = directory(&[("a", &format!("{VMI}---\n{service}"))]);
    let ended = launcher(files.path(), &["defaults", "a"], None);
    assert_eq!((ended.status, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains("\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s\n"), "{}", ended.out);
    let again = directory(&[("b", &ended.out)]);
    let second = launcher(again.path(), &["defaults", "b"], None);
    // Upstream adds its finalizer each time.
    let once = |text: &str| text.replace("  - kubevirt.io/foregroundDeleteVirtualMachine\n", "");
    assert_eq!(once(&second.out), once(&ended.out));
}

#[test]
fn defaults_of_what_is_refused_are_printed_with_the_reason() {
    let bad = VMI.replace("domain:", "startStrategy: Late\n  domain:");
    let files = directory(&[("bad", &bad), ("broken", "a: b: c\n")]);
    let ended = launcher(files.path(), &["defaults", "bad"], None);
    assert_eq!(ended.status, 1);
    assert!(ended.out.contains("startStrategy: Late"), "{}", ended.out);
    assert!(ended.err.contains("launcher: bad:5:3: error: "), "{}", ended.err);
    let ended = launcher(files.path(), &["defaults", "broken"], None);
    assert_eq!((ended.out.as_str(), ended.status), ("", 2));
}
