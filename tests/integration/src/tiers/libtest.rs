//! Reads what a test binary of Rust's own harness prints.

use std::collections::BTreeMap;

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// With what the test printed.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

/// The names in the output of `BINARY --list`.
pub(crate) fn parse_list(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// The outcomes in the output of a run, by test. A test that is missing was never finished.
pub(crate) fn parse_run(text: &str) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, outcome)) = parse_result(line) {
            outcomes.insert(name.to_owned(), outcome);
        }
    }
    for (name, printed) in parse_failures(text) {
        outcomes.insert(name, Outcome::Failed(printed));
    }
    outcomes
}

/// `test path::name ... ok`; a test that must panic adds ` - should panic` to its name.
fn parse_result(line: &str) -> Option<(&str, Outcome)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let outcome = match result.split_once(", ").unwrap_or((result, "")) {
        ("ok", _) => Outcome::Passed,
        ("FAILED", _) => Outcome::Failed(String::new()),
        ("ignored", "") => Outcome::Skipped("ignored".into()),
        ("ignored", reason) => Outcome::Skipped(reason.into()),
        _ => return None,
    };
    Some((name, outcome))
}

/// The blocks `---- path::name stdout ----` below `failures:`.
fn parse_failures(text: &str) -> BTreeMap<String, String> {
    let mut blocks: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----")) {
            current = Some(name.to_owned());
            blocks.entry(name.to_owned()).or_default();
        } else if line == "failures:" || line.starts_with("test result: ") {
            current = None;
        } else if let Some(block) = current.as_ref().and_then(|name| blocks.get_mut(name)) {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks.into_iter().map(|(name, block)| (name, block.trim_end().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RUN: &str = "
running 4 tests
test a::works ... ok
test a::panics_well - should panic ... ok
test a::later ... ignored, needs a second machine
test b::breaks ... FAILED

failures:

---- b::breaks stdout ----
thread 'b::breaks' panicked at src/b.rs:1:1:
assertion `left == right` failed


failures:
    b::breaks

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn a_run_gives_each_test_its_outcome() {
        let outcomes = parse_run(RUN);
        assert_eq!(outcomes.len(), 4);
        assert_eq!(outcomes["a::works"], Outcome::Passed);
        assert_eq!(outcomes["a::panics_well"], Outcome::Passed);
        assert_eq!(outcomes["a::later"], Outcome::Skipped("needs a second machine".into()));
        let Outcome::Failed(printed) = &outcomes["b::breaks"] else { panic!("not failed") };
        assert!(printed.starts_with("thread 'b::breaks' panicked"));
        assert!(printed.ends_with("`left == right` failed"));
    }

    #[test]
    fn a_test_that_never_finished_is_missing() {
        assert!(parse_run("running 1 test\ntest a::hangs ... ").is_empty());
    }

    #[test]
    fn a_list_names_tests_and_not_benchmarks() {
        assert_eq!(parse_list("a::one: test\na::fast: benchmark\n\n1 test, 1 benchmark\n"), ["a::one"]);
    }
}
