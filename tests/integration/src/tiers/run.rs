//! Runs the tests of one tier.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::again::{self, Ran};
use super::build::{Built, TestBinary};
use super::doctests;
use super::libtest::{self, Outcome};
use super::options::Options;
use super::process;
use super::report::{TestResult, TierResult};
use super::tier::{NATIVE_MODULE, Tier};
use crate::images::Images;
use crate::nested::{FULL, NATIVE_TESTS, NativeBinary};
use crate::second_try::{self, SECOND_TRIES, SecondTry};
use crate::{paths, skip};

/// Runs every test of `tier`.
pub(super) fn run_tier(tier: Tier, built: &Built, options: &Options) -> Result<TierResult> {
    let start = Instant::now();
    let mut result = TierResult::new(tier);
    match obstacle(tier) {
        Some(reason) => result.skipped_whole = Some(reason),
        None => {
            let mut session = Session::new(built, options)?;
            if tier == Tier::Nested {
                session.pass_native_tests()?;
            }
            session.run(tier, &mut result)?;
            if tier == Tier::Unit {
                let filter = options.filter.as_deref().unwrap_or_default();
                result.tests.extend(doctests::run(filter, tier.deadline(options.full))?);
            }
        }
    }
    result.duration = start.elapsed();
    Ok(result)
}

/// Why this machine cannot run `tier` at all.
fn obstacle(tier: Tier) -> Option<String> {
    match tier {
        Tier::Unit => None,
        Tier::Golden => paths::reference().is_none().then(|| "no reference data".to_owned()),
        Tier::Native => fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .err()
            .map(|error| format!("/dev/kvm cannot be opened: {error}")),
        // Debian's packages are at hand, or can be had.
        Tier::Nested => Images::ensure().err().map(|error| format!("{error:#}")),
    }
}

/// What all test binaries get.
struct Session<'a> {
    built: &'a Built,
    options: &'a Options,
    seed: u64,
    skips: NamedTempFile,
    second_tries: NamedTempFile,
    /// The list of native tests, for the one nested test that runs them again.
    native: Option<NamedTempFile>,
}

impl<'a> Session<'a> {
    fn new(built: &'a Built, options: &'a Options) -> Result<Self> {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| u64::from(now.subsec_nanos()));
        let seed = options.seed.unwrap_or_else(clock);
        let skips = NamedTempFile::new().context("Cannot make the file of skipped tests")?;
        let second_tries = NamedTempFile::new().context("Cannot make the file of tests that were run twice")?;
        Ok(Self { built, options, seed, skips, second_tries, native: None })
    }

    /// Writes the list of native tests.
    fn pass_native_tests(&mut self) -> Result<()> {
        let mut list = Vec::new();
        for binary in &self.built.binaries {
            let tests = self.list(binary, Selection::of(Tier::Native, binary), "")?;
            if !tests.is_empty() {
                list.push(NativeBinary { name: binary.name.clone(), path: binary.path.clone(), tests });
            }
        }
        let file = NamedTempFile::new().context("Cannot make the list of native tests")?;
        serde_json::to_writer(&file, &list).context("Cannot write the list of native tests")?;
        self.native = Some(file);
        Ok(())
    }

    /// Runs all tests of `tier`.
    fn run(&self, tier: Tier, result: &mut TierResult) -> Result<()> {
        let mut tests = Vec::new();
        for binary in &self.built.binaries {
            tests.extend(self.run_binary(tier, binary)?);
        }
        if tier.has_second_try() {
            let again = |binary: &TestBinary, path: &str| self.run_again(tier, binary, path);
            result.second_tries = again::try_again(&mut tests, again)?;
        }
        result.second_tries.extend(self.noted_second_tries()?);
        result.tests = tests.into_iter().map(|test| TestResult::new(test.name(), test.outcome)).collect();
        Ok(())
    }

    /// Runs the tests of `binary` that belong to `tier`.
    fn run_binary<'b>(&self, tier: Tier, binary: &'b TestBinary) -> Result<Vec<Ran<'b>>> {
        let filter = self.options.filter.as_deref().unwrap_or_default();
        let names = self.list(binary, Selection::of(tier, binary), filter)?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let seed = if tier == Tier::Unit { format!(", seed {}", self.seed) } else { String::new() };
        eprintln!("{tier}: {} ({} tests{seed})", binary.name, names.len());
        let outcomes = self.run_tests(tier, binary, &names)?;
        Ok(outcomes.into_iter().map(|(path, outcome)| Ran { binary, path, outcome }).collect())
    }

    /// Runs one test that failed once more.
    fn run_again(&self, tier: Tier, binary: &TestBinary, path: &str) -> Result<Outcome> {
        eprintln!("{tier}: once more: {}::{path}", binary.name);
        let outcome = self.run_tests(tier, binary, &[path.to_owned()])?.remove(path);
        outcome.context("The test was not run again")
    }

    /// The tests that a test has run twice.
    fn noted_second_tries(&self) -> Result<Vec<SecondTry>> {
        let text = fs::read_to_string(self.second_tries.path()).context("Cannot read which tests were run twice")?;
        second_try::parse(&text)
    }

    /// Runs these tests of `binary`: their outcomes by path, and its own when it fails without a test that does.
    fn run_tests(&self, tier: Tier, binary: &TestBinary, names: &[String]) -> Result<BTreeMap<String, Outcome>> {
        fs::write(self.skips.path(), "").context("Cannot empty the file of skipped tests")?;
        let mut command = self.command(binary);
        command.arg("--exact").args(names).arg(format!("--test-threads={}", tier.threads()));
        let deadline = tier.deadline(self.options.full);
        let finished = process::run(&mut command, deadline)?;
        let mut outcomes = libtest::parse_run(&finished.stdout);
        for name in names {
            outcomes.entry(name.clone()).or_insert_with(|| Outcome::Failed(unfinished(&finished, deadline)));
        }
        for (name, reason) in skip::parse(&fs::read_to_string(self.skips.path()).unwrap_or_default()) {
            // A test that recorded a skip and then failed has failed.
            if outcomes.get(&name) == Some(&Outcome::Passed) {
                outcomes.insert(name, Outcome::Skipped(reason));
            }
        }
        if !outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) && !ended_well(&finished) {
            outcomes.insert("the binary itself".into(), Outcome::Failed(unfinished(&finished, deadline)));
        }
        Ok(outcomes)
    }

    /// The names of the tests that are selected and contain `filter`.
    fn list(&self, binary: &TestBinary, selection: Selection, filter: &str) -> Result<Vec<String>> {
        if selection == Selection::Nothing {
            return Ok(Vec::new());
        }
        let finished = process::run(self.command(binary).arg("--list"), Duration::from_secs(60))?;
        anyhow::ensure!(ended_well(&finished), "{} --list failed: {}", binary.path.display(), finished.stderr);
        let names: BTreeSet<String> = libtest::parse_list(&finished.stdout).into_iter().collect();
        Ok(names.into_iter().filter(|name| selection.takes(name) && name.contains(filter)).collect())
    }

    fn command(&self, binary: &TestBinary) -> Command {
        // The runner's death takes the binary with it, although it stands in a process group of its own.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&binary.path);
        command.current_dir(&binary.directory).envs(self.environment()).env_remove("REQUIRE");
        command
    }

    fn environment(&self) -> BTreeMap<&'static str, String> {
        let path = |path: &Path| path.display().to_string();
        let mut environment = BTreeMap::from([
            (skip::SKIPS, path(self.skips.path())),
            (SECOND_TRIES, path(self.second_tries.path())),
            ("PROPTEST_CASES", self.options.proptest_cases.to_string()),
            ("PROPTEST_RNG_SEED", self.seed.to_string()),
            ("RUST_BACKTRACE", "1".to_owned()),
            (FULL, u8::from(self.options.full).to_string()),
        ]);
        if let Some(launcher) = &self.built.launcher {
            environment.insert("PODVISOR_LAUNCHER", path(launcher));
        }
        if let Some(guest) = &self.built.guest {
            environment.insert("PODVISOR_TEST_GUEST", path(guest));
        }
        if let Some(reference) = paths::reference() {
            environment.insert(paths::REFERENCE, path(&reference));
        }
        if let Some(list) = &self.native {
            environment.insert(NATIVE_TESTS, path(list.path()));
        }
        environment
    }
}

/// Which tests of a binary are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Selection {
    All,
    Nothing,
    Only(&'static str),
    Except(&'static str),
}

impl Selection {
    /// The tests of `binary` that belong to `tier`.
    fn of(tier: Tier, binary: &TestBinary) -> Self {
        match (binary.tier, tier) {
            (Some(own), _) if own == tier => Self::All,
            (None, Tier::Unit) => Self::Except(NATIVE_MODULE),
            (None, Tier::Native) => Self::Only(NATIVE_MODULE),
            (Some(_), _) | (None, Tier::Nested | Tier::Golden) => Self::Nothing,
        }
    }

    fn takes(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Only(module) => name.contains(module),
            Self::Except(module) => !name.contains(module),
        }
    }
}

pub(super) fn ended_well(finished: &process::Finished) -> bool {
    finished.status.is_some_and(|status| status.success())
}

pub(super) fn unfinished(finished: &process::Finished, deadline: Duration) -> String {
    let how = match finished.status {
        Some(status) => format!("It ended early ({status})."),
        None => format!("It was killed after {} s.", deadline.as_secs()),
    };
    let mut last: Vec<&str> = finished.stderr.lines().rev().take(40).collect();
    last.reverse();
    format!("{how}\n{}", last.join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;
    use tempfile::TempDir;

    use super::*;
    use crate::tiers::report::Report;

    /// A test binary of two tests, one of which fails when it is run for the first time.
    const BINARY: &str = r"#!/bin/sh
if [ $1 = --list ]; then
echo a::flaky: test
echo a::works: test
exit
fi
echo $* >>$0.runs
status=0
for test; do
case $test in
a::works) echo test $test ... ok;;
a::flaky) if [ -e $0.tried ]; then echo test $test ... ok; else
echo test $test ... FAILED
printf -- '---- %s stdout ----\nbroken\n' $test
status=101
fi
: >$0.tried;;
esac
done
exit $status
";

    #[test]
    fn a_test_that_fails_is_run_once_more_alone_and_the_report_tells_of_it_but_not_in_the_unit_tier() {
        for (tier, counted) in [
            (Tier::Native, "native |      2 |      0 |       0 |       1 |"),
            (Tier::Unit, "unit   |      1 |      1 |"),
        ] {
            let directory = TempDir::new().unwrap();
            let [text, path] = ["text", "binary"].map(|name| directory.path().join(name));
            fs::write(&text, BINARY).unwrap();
            // By a process of its own: what is open for writing, in a child of another test perhaps, cannot be run.
            assert!(Command::new("install").args(["-m", "755"]).args([&text, &path]).status().unwrap().success());
            let (name, directory) = ("x".to_owned(), directory.path().to_owned());
            let binaries = vec![TestBinary { name, path, directory: directory.clone(), tier: Some(tier) }];
            let (built, options) = (Built { binaries, launcher: None, guest: None }, Options::parse_from(["tiers"]));
            let mut result = TierResult::new(tier);
            Session::new(&built, &options).unwrap().run(tier, &mut result).unwrap();
            let mut report = Report::new(Duration::ZERO);
            report.add(result);
            let (text, good) = (report.render(), report.is_good());
            assert!(text.contains(counted) && good == tier.has_second_try(), "{text}");
            assert_eq!(text.contains("PASSED ONLY AT THE SECOND TRY native: x::a::flaky\n    broken"), good, "{text}");
            let runs = fs::read_to_string(directory.join("binary.runs")).unwrap();
            let again = runs.lines().nth(1).map(|run| (run.contains("a::flaky"), run.contains("a::works")));
            assert_eq!(again, good.then_some((true, false)), "{runs}");
        }
    }
}
