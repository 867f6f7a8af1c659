//! The second try of tests that failed.

use anyhow::Result;

use super::build::TestBinary;
use super::libtest::Outcome;
use crate::second_try::{MOST, SecondTry};

/// A test that was run.
#[derive(Debug)]
pub(super) struct Ran<'a> {
    pub(super) binary: &'a TestBinary,
    pub(super) path: String,
    pub(super) outcome: Outcome,
}

impl Ran<'_> {
    /// Binary and path.
    pub(super) fn name(&self) -> String {
        format!("{}::{}", self.binary.name, self.path)
    }
}

/// Runs what failed of a tier once more, by `run`, unless that is so much that something must be wrong. What passes now
/// has passed; it is returned with what it printed at first.
pub(super) fn try_again(
    tests: &mut [Ran<'_>],
    mut run: impl FnMut(&TestBinary, &str) -> Result<Outcome>,
) -> Result<Vec<SecondTry>> {
    let mut passed = Vec::new();
    if tests.iter().filter(|test| matches!(test.outcome, Outcome::Failed(_))).count() > MOST {
        return Ok(passed);
    }
    for test in tests {
        let Outcome::Failed(printed) = &test.outcome else { continue };
        if run(test.binary, &test.path)? == Outcome::Passed {
            passed.push(SecondTry { name: test.name(), printed: printed.clone() });
            test.outcome = Outcome::Passed;
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn binary() -> TestBinary {
        TestBinary { name: "native_x".into(), path: "x".into(), directory: "/".into(), tier: None }
    }

    /// Tests of which those called `f...` and `F...` fail, and those called `F...` again; which were run again, and which
    /// passed then.
    fn tried<'a>(binary: &'a TestBinary, names: &[&str]) -> (Vec<Ran<'a>>, Vec<String>, Vec<SecondTry>) {
        let ran = |name: &&str| {
            let failed = name.starts_with(['f', 'F']);
            let outcome = if failed { Outcome::Failed(format!("first {name}")) } else { Outcome::Passed };
            Ran { binary, path: (*name).to_owned(), outcome }
        };
        let mut tests: Vec<_> = names.iter().map(ran).collect();
        let mut again = Vec::new();
        let passed = try_again(&mut tests, |_, path| {
            again.push(path.to_owned());
            Ok(if path.starts_with('F') { Outcome::Failed("second".into()) } else { Outcome::Passed })
        });
        (tests, again, passed.unwrap())
    }

    #[test]
    fn what_failed_is_run_again_and_counts_as_passed_when_it_passes_then() {
        let binary = binary();
        let (tests, again, passed) = tried(&binary, &["a", "f", "b", "F"]);
        assert_eq!(again, ["f", "F"]);
        assert_eq!(passed, [SecondTry { name: "native_x::f".into(), printed: "first f".into() }]);
        let outcomes: Vec<_> = tests.iter().map(|test| test.outcome.clone()).collect();
        let failed = Outcome::Failed("first F".into());
        assert_eq!(outcomes, [Outcome::Passed, Outcome::Passed, Outcome::Passed, failed]);
    }

    #[test]
    fn where_many_tests_fail_none_is_run_again() {
        let binary = binary();
        let names: Vec<String> = (0..=MOST).map(|number| format!("f{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (tests, again, passed) = tried(&binary, &names);
        assert!(again.is_empty() && passed.is_empty());
        let distinct: BTreeSet<_> = tests.iter().map(Ran::name).collect();
        assert!(distinct.len() > MOST && tests.iter().all(|test| test.outcome != Outcome::Passed));
    }
}
