//! How a test says that it cannot run on this machine.
//!
//! libtest knows no skipping at run time, so the test appends a line `name: reason` to the file that the runner names
//! in [`SKIPS`] and returns; the runner counts it as skipped.

use std::fs::OpenOptions;
use std::io::Write;

/// The environment variable that names the file of skips.
pub const SKIPS: &str = "PODVISOR_SKIPS";

/// Records that the calling test is skipped for `reason`. Call it from the test's own thread, then return.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    record(thread.name().unwrap_or("a test without a name"), reason);
}

fn record(test: &str, reason: &str) {
    let line = format!("{test}: {}\n", reason.replace('\n', " "));
    match std::env::var_os(SKIPS) {
        // One write of an appending descriptor: lines of concurrent tests do not mix.
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
                panic!("Cannot record that {test} is skipped: {error}");
            }
        }
        None => {
            let _ = write!(std::io::stderr(), "skipped {line}");
        }
    }
}

/// The recorded lines, as pairs of test and reason.
pub fn parse(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(|line| line.split_once(": ")).map(|(test, reason)| (test.into(), reason.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_path_keeps_its_colons_and_the_reason_its_own() {
        assert_eq!(
            parse("block::flush_works: no device: none at all\n"),
            [("block::flush_works".to_owned(), "no device: none at all".to_owned())]
        );
    }
}
