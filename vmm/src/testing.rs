//! What the tests of several modules need: how a test says that it cannot run here, and where the test guest is.

#[path = "../../tests/host_differences.rs"]
#[allow(dead_code, reason = "tests of whole machines read the rest of the table")]
pub(crate) mod host_differences;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Counts the calling test as skipped for `reason`; it returns after this. The runner of all tiers names the file.
#[allow(clippy::print_stderr)]
pub(crate) fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test without a name"));
    match std::env::var_os("PODVISOR_SKIPS") {
        // One write of an appending descriptor: lines of concurrent tests do not mix.
        Some(path) => {
            OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
        }
        None => eprint!("skipped {line}"),
    }
}

/// Whether `/dev/kvm` can be opened; counts the calling test as skipped where it cannot.
pub(crate) fn has_kvm() -> bool {
    match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(_) => true,
        Err(error) => {
            skip(&format!("/dev/kvm cannot be opened: {error}"));
            false
        }
    }
}

/// The test guest, as the runner built it; counts the calling test as skipped where it is not built.
pub(crate) fn test_guest() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guest/release/podvisor-guest");
    let path = std::env::var_os("PODVISOR_TEST_GUEST").map_or_else(default, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    skip("the test guest is not built: run `make test`, which builds it");
    None
}

/// Long runs are cut short where every instruction is emulated (`PODVISOR_LONG=0`).
pub(crate) fn long(full: u64, reduced: u64) -> u64 {
    if std::env::var_os("PODVISOR_LONG").is_some_and(|long| long == "0") { reduced } else { full }
}
