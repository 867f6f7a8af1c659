//! Tests that pass only when they are run once more: machines of a host that others use, too, meet races that a test
//! did not think of. They are counted as passed, but never silently.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The environment variable that names the file in which a test notes such tests, which it ran itself.
pub const SECOND_TRIES: &str = "PODVISOR_SECOND_TRIES";

/// How many tests of a tier may need it. Where more fail, something is wrong.
pub const MOST: usize = 2;

/// A test that passed only at its second try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondTry {
    /// The test.
    pub name: String,
    /// What it printed when it failed.
    pub printed: String,
}

/// Tells the runner of `tests`, if there is one.
///
/// # Errors
/// Its file cannot be written.
pub fn record(tests: &[SecondTry]) -> Result<()> {
    let Some(path) = env::var_os(SECOND_TRIES) else { return Ok(()) };
    let mut text = String::new();
    for test in tests {
        text.push_str(&serde_json::to_string(test).context("Cannot write a test's name")?);
        text.push('\n');
    }
    // One write of an appending descriptor: lines of concurrent tests do not mix.
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).context("Cannot note the tests that were run twice")
}

/// What was recorded.
///
/// # Errors
/// A line cannot be understood.
pub fn parse(text: &str) -> Result<Vec<SecondTry>> {
    let tests = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    tests.context("Cannot understand the note of a test that was run twice")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_a_test_printed_keeps_its_lines() {
        let test = SecondTry { name: "vmm::a".into(), printed: "one\n\ntwo: \"three\"".into() };
        let line = serde_json::to_string(&test).unwrap();
        assert_eq!(parse(&format!("{line}\n{line}\n")).unwrap(), [test.clone(), test]);
        assert!(parse("vmm::a").is_err());
    }
}
