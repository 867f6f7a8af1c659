//! The native tests a second time, in L1: ordinary KVM with hardware virtualisation as it is seen from there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::l1::L1;
use crate::images::Images;
use crate::second_try::{MOST, SecondTry};
use crate::skip;
use crate::tiers::libtest::{self, Outcome};

/// The environment variable in which the runner passes the list of native test binaries, as JSON.
pub const NATIVE_TESTS: &str = "PODVISOR_NATIVE_TESTS";

/// Where this machine's programs are.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Runs tests of a binary, and those that fail once more, each alone, while there are tries left.
const RUN: &str = r"run() {
number=$1
shift
echo begin $number
: >$PODVISOR_SKIPS
/suite/$number --exact --test-threads=2 $* | tee /tmp/printed
echo again $number
for test in $(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' /tmp/printed); do
if [ $left -gt 0 ]; then
left=$((left - 1))
/suite/$number --exact --test-threads=2 $test
fi
done
echo skips $number
cat $PODVISOR_SKIPS
echo end $number
}
";

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
    /// Those of them that passed only when they were run once more.
    pub second_tries: Vec<SecondTry>,
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
    script.push_str(&format!("left={MOST}\n{RUN}"));
    for (number, binary) in binaries.iter().enumerate() {
        l1 = l1.program(&binary.path, &format!("/suite/{number}"));
        let tests = binary.tests.join(" ");
        script.push_str(&format!("run {number} {tests}\n"));
    }
    understand(binaries, &l1.run(&script, limit)?.success()?)
}

/// What became of the tests of `binaries`, by what L1 printed.
fn understand(binaries: &[NativeBinary], text: &str) -> Result<SuiteResult> {
    let mut result = SuiteResult { passed: 0, second_tries: Vec::new(), failed: Vec::new(), skipped: Vec::new() };
    for (number, binary) in binaries.iter().enumerate() {
        let printed = between(text, &format!("begin {number}\n"), &format!("again {number}\n"))?;
        let again = between(text, &format!("again {number}\n"), &format!("skips {number}\n"))?;
        let skips = skip::parse(between(text, &format!("skips {number}\n"), &format!("end {number}\n"))?);
        let (outcomes, again) = (libtest::parse_run(printed), libtest::parse_run(again));
        for test in &binary.tests {
            let name = format!("{}::{test}", binary.name);
            match (outcomes.get(test), skips.iter().find(|(skipped, _)| skipped == test)) {
                (Some(Outcome::Passed), Some((_, reason))) => result.skipped.push(format!("{name}: {reason}")),
                (Some(Outcome::Passed), None) => result.passed += 1,
                (Some(Outcome::Skipped(reason)), _) => result.skipped.push(format!("{name}: {reason}")),
                (Some(Outcome::Failed(printed)), None) if again.get(test) == Some(&Outcome::Passed) => {
                    result.passed += 1;
                    result.second_tries.push(SecondTry { name, printed: printed.clone() });
                }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    /// A test binary whose tests called `f...` fail as often as FAILURES says.
    const BINARY: &str = r"
shift 2
for test; do
case $test in
f*) echo tried >>$0.$test; tries=$(wc -l <$0.$test);;
*) tries=100;;
esac
if [ $tries -gt $FAILURES ]; then
echo test $test ... ok
else
echo test $test ... FAILED
printf -- '---- %s stdout ----\nbroken\n' $test
fi
done
";

    /// What the script makes of these tests, run here.
    fn run(tests: &[&str], failures: u32) -> SuiteResult {
        let directory = TempDir::new().unwrap();
        let place = directory.path().to_str().unwrap();
        fs::write(directory.path().join("0"), BINARY).unwrap();
        let script = RUN.replace("/tmp/", &format!("{place}/")).replace("/suite/", &format!("sh {place}/"));
        let script = format!("export FAILURES={failures}\nleft={MOST}\n{script}\nrun 0 {}\n", tests.join(" "));
        let skips = directory.path().join("skips");
        let output = Command::new("sh").args(["-c", &script]).env("PODVISOR_SKIPS", skips).output().unwrap();
        let tests = tests.iter().map(|test| (*test).to_owned()).collect();
        let binaries = [NativeBinary { name: "native_x".into(), path: "0".into(), tests }];
        understand(&binaries, &String::from_utf8(output.stdout).unwrap()).unwrap()
    }

    #[test]
    fn a_test_that_fails_once_has_passed_and_is_told() {
        let result = run(&["a", "b", "f1"], 1);
        assert_eq!((result.passed, result.failed.len()), (3, 0));
        assert_eq!(result.second_tries, [SecondTry { name: "native_x::f1".into(), printed: "broken".into() }]);
    }

    #[test]
    fn a_test_that_fails_twice_has_failed_and_so_has_each_beyond_the_second() {
        let result = run(&["a", "f1"], 2);
        assert_eq!((result.passed, result.second_tries.len()), (1, 0));
        assert_eq!(result.failed, ["native_x::f1\nbroken"]);
        let result = run(&["f1", "f2", "f3"], 1);
        assert_eq!((result.passed, result.second_tries.len(), result.failed.len()), (2, 2, 1));
    }
}
