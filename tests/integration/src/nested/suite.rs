//! The native tests a second time, in L1: ordinary KVM with hardware virtualisation as it is seen from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::l1::L1;
use crate::images::Images;
use crate::skip;
use crate::tiers::libtest::{self, Outcome};

/// The environment variable in which the runner passes the list of native test binaries, as JSON.
pub const NATIVE_TESTS: &str = "PODVISOR_NATIVE_TESTS";

/// Where this machine's programs are.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// A test binary that has native tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeBinary {
    /// Its crate or test file.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its native tests.
    pub tests: Vec<String>,
}

/// What became of the native tests in L1.
#[derive(Debug)]
pub struct SuiteResult {
    /// How many passed.
    pub passed: usize,
    /// Each that failed, with what it printed.
    pub failed: Vec<String>,
    /// Each that was skipped, with the reason.
    pub skipped: Vec<String>,
}

/// Runs `binaries` in one L1, with the programs that the runner names in `PODVISOR_LAUNCHER` and
/// `PODVISOR_TEST_GUEST`, and with `PODVISOR_LONG=0`, at which tests reduce their counts.
///
/// # Errors
/// L1 was lost or did not end in time.
pub fn run_native_tests(images: &Images, binaries: &[NativeBinary], limit: Duration) -> Result<SuiteResult> {
    let mut l1 = L1::new(images)?.memory_mib(4096).module("tun").module("vhost_net");
    let mut script = String::from("export PODVISOR_LONG=0 PODVISOR_SKIPS=/tmp/skips RUST_BACKTRACE=0\n");
    // Busybox's `ip` makes no TAP interfaces, and its `unshare` runs no other: this machine's come before them.
    for program in ["ip", "unshare"] {
        if let Some(found) = PROGRAMS.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists()) {
            l1 = l1.program(&found, &format!("/suite/bin/{program}"));
        }
    }
    script.push_str("export PATH=/suite/bin:$PATH\n");
    for (variable, path) in [("PODVISOR_LAUNCHER", "/bin/launcher"), ("PODVISOR_TEST_GUEST", "/suite/guest")] {
        if let Some(program) = std::env::var_os(variable) {
            l1 = l1.program(Path::new(&program), path);
            script.push_str(&format!("export {variable}={path}\n"));
        }
    }
    for (number, binary) in binaries.iter().enumerate() {
        l1 = l1.program(&binary.path, &format!("/suite/{number}"));
        let tests = binary.tests.join(" ");
        script.push_str(&format!(
            "echo begin {number}\n: >$PODVISOR_SKIPS\n/suite/{number} --exact --test-threads=2 {tests}\n\
             echo skips {number}\ncat $PODVISOR_SKIPS\necho end {number}\n"
        ));
    }
    let text = l1.run(&script, limit)?.success()?;
    let mut result = SuiteResult { passed: 0, failed: Vec::new(), skipped: Vec::new() };
    for (number, binary) in binaries.iter().enumerate() {
        let printed = between(&text, &format!("begin {number}\n"), &format!("skips {number}\n"))?;
        let skips = skip::parse(between(&text, &format!("skips {number}\n"), &format!("end {number}\n"))?);
        let outcomes = libtest::parse_run(printed);
        for test in &binary.tests {
            let name = format!("{}::{test}", binary.name);
            match (outcomes.get(test), skips.iter().find(|(skipped, _)| skipped == test)) {
                (Some(Outcome::Passed), Some((_, reason))) => result.skipped.push(format!("{name}: {reason}")),
                (Some(Outcome::Passed), None) => result.passed += 1,
                (Some(Outcome::Skipped(reason)), _) => result.skipped.push(format!("{name}: {reason}")),
                (Some(Outcome::Failed(printed)), _) => result.failed.push(format!("{name}\n{printed}")),
                (None, _) => result.failed.push(format!("{name}: not finished\n{printed}")),
            }
        }
    }
    Ok(result)
}

/// The list that the runner passes, if there is one.
///
/// # Errors
/// It cannot be understood.
pub fn native_binaries() -> Result<Option<Vec<NativeBinary>>> {
    let Some(path) = std::env::var_os(NATIVE_TESTS) else { return Ok(None) };
    let text = fs::read_to_string(&path).with_context(|| format!("Cannot read {}", path.display()))?;
    let binaries: Vec<NativeBinary> = serde_json::from_str(&text).context("Cannot understand the list of tests")?;
    ensure!(binaries.iter().all(|binary| !binary.tests.is_empty()), "A binary without native tests is listed");
    Ok(Some(binaries))
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Result<&'a str> {
    let (_, text) = text.split_once(begin).with_context(|| format!("L1 did not print {begin:?}:\n{text}"))?;
    Ok(text.split_once(end).with_context(|| format!("L1 did not print {end:?}:\n{text}"))?.0)
}
