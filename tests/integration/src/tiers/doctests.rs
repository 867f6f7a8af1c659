//! The examples in the documentation, which cargo builds and runs by rustdoc: tests of the tier `unit`.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::libtest::{self, Outcome};
use super::process;
use super::report::TestResult;
use super::run::{ended_well, unfinished};

/// What stands before the names of the examples, as a binary's name does before those of its tests.
const NAME: &str = "doc";

/// Runs the examples of all crates whose names contain `filter`.
pub(super) fn run(filter: &str, deadline: Duration) -> Result<Vec<TestResult>> {
    eprintln!("unit: {NAME} (the examples in the documentation)");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--doc", "--workspace", "--no-fail-fast", "--", filter]);
    let finished = process::run(&mut command, deadline)?;
    let mut outcomes = libtest::parse_run(&finished.stdout);
    if !outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) && !ended_well(&finished) {
        outcomes.insert("the documentation itself".into(), Outcome::Failed(unfinished(&finished, deadline)));
    }
    Ok(outcomes.into_iter().map(|(name, outcome)| TestResult::new(format!("{NAME}::{name}"), outcome)).collect())
}
