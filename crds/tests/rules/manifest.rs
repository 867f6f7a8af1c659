//! Manifests that break rules, and the reviewed text of what is told of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crds::admission::{Refusal, Stage};
use serde_json::{Value, json};

/// Set, the tests write their texts instead of comparing them.
const WRITE: &str = "PODVISOR_WRITE_RULES";

/// Sets fields by their paths, such as `spec.volumes.0.name`; `null` takes a field away.
pub fn change(document: &mut Value, fields: &BTreeMap<String, Value>, below: &str) {
    for (path, value) in fields {
        let is_whole = below.is_empty() || path.starts_with("metadata");
        let path = if is_whole { path.clone() } else { format!("{below}.{path}") };
        set(document, &path, value);
    }
}

fn set(document: &mut Value, path: &str, value: &Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = match name.parse::<usize>() {
        Ok(place) => {
            if !document.is_array() {
                *document = json!([]);
            }
            let items = document.as_array_mut().unwrap();
            assert!(place <= items.len(), "{path} is beyond the end");
            if place == items.len() {
                items.push(Value::Null);
            }
            &mut items[place]
        }
        Err(_) => {
            if rest.is_none() && value.is_null() {
                document.as_object_mut().unwrap().remove(name);
                return;
            }
            &mut document[name]
        }
    };
    match rest {
        Some(rest) => set(field, rest, value),
        None => *field = value.clone(),
    }
}

/// A refusal, a line for each cause.
pub fn told(refusal: &Refusal) -> Vec<String> {
    let stage = if refusal.stage == Stage::Mutate { "mutating: " } else { "" };
    if refusal.causes.is_empty() {
        return vec![format!("{stage}{} {}", refusal.code, refusal.message)];
    }
    let line = |cause: &crds::admission::Cause| {
        let reason = cause.reason.map_or_else(|| "Schema".to_owned(), |reason| format!("{reason:?}"));
        format!("{stage}{reason} {}: {}", cause.field, cause.message)
    };
    refusal.causes.iter().map(line).collect()
}

/// Compares what is told of each rule with the reviewed text of this name.
pub fn compare<'a>(name: &str, expected: &str, answers: impl Iterator<Item = (&'a str, Vec<String>)>) {
    let mut text = String::new();
    for (rule, lines) in answers {
        writeln!(text, "{rule}").unwrap();
        lines.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
    }
    if std::env::var_os(WRITE).is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(name);
        return std::fs::write(path, text).unwrap();
    }
    let (ours, reviewed): (Vec<&str>, Vec<&str>) = (text.split("\n").collect(), expected.split("\n").collect());
    let different: Vec<String> = ours
        .iter()
        .filter(|line| !reviewed.contains(line))
        .map(|line| format!("+ {line}"))
        .chain(reviewed.iter().filter(|line| !ours.contains(line)).map(|line| format!("- {line}")))
        .collect();
    assert!(text == expected, "{name} is not what is told; {WRITE}=1 writes it:\n{}", different.join("\n"));
}
