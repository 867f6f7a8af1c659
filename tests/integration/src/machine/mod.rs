//! Machines for tests: the bare-metal test guest (`tests/integration/guest`) with a script, its console and its disks.
//!
//! ```no_run
//! # use integration::machine::TestMachine;
//! let Some(machine) = TestMachine::script("smp") else { return }; // skipped: no /dev/kvm
//! let mut guest = machine.cpus(2).start();
//! assert_eq!(guest.answer("smp").number("cpus"), 2);
//! ```

mod answer;
mod builder;
mod console;
mod disk;
mod firmware;
mod host_memory;
mod running;
mod scene;

pub use answer::Answer;
pub use builder::TestMachine;
pub use console::Console;
pub use disk::{SECTOR, TestDisk, pattern, pattern_word};
pub use host_memory::guest_bytes;
pub use running::Guest;
pub use scene::Scene;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use crate::{paths, skip};

/// The environment variable that names the test guest.
pub const TEST_GUEST: &str = "PODVISOR_TEST_GUEST";

/// After how long something that should have happened is a failure: far beyond what a loaded or an emulated host needs,
/// and longer than the test guest's own patience, whose message says more.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// Whether this process may open `/dev/kvm`; if not, the calling test is recorded as skipped.
pub fn kvm_or_skip() -> bool {
    match std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(_) => true,
        Err(error) => {
            skip::skip(&format!("/dev/kvm cannot be opened: {error}"));
            false
        }
    }
}

/// As [`kvm_or_skip`], for tests of programs that cargo builds beside the tests.
pub fn built_programs_or_skip() -> bool {
    if long(false, true) {
        skip::skip("what cargo builds of other programs is not carried into an emulated host");
        return false;
    }
    kvm_or_skip()
}

/// `full`, or `reduced` on slow (emulated) hosts, where `PODVISOR_LONG=0` is set.
pub fn long<T>(full: T, reduced: T) -> T {
    if env::var_os("PODVISOR_LONG").is_some_and(|value| value == "0") { reduced } else { full }
}

/// The test guest's file.
///
/// # Panics
/// It was not built.
pub fn test_guest() -> PathBuf {
    let path =
        env::var_os(TEST_GUEST).map_or_else(|| paths::guest_target().join("release/podvisor-guest"), PathBuf::from);
    assert!(
        path.exists(),
        "The test guest is missing ({}): build it as tests/integration/guest/README.md says, or run `make test`",
        path.display()
    );
    path
}
