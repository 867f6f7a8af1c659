//! The tiers, and which test belongs to which.

use std::fmt;
use std::time::Duration;

/// A tier of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Tier {
    /// Pure logic and device models: any machine.
    Unit,
    /// Machines on this host's `/dev/kvm`.
    Native,
    /// Linux guests in an emulated machine.
    Nested,
    /// Comparison with what upstream's API server answered: machines that have that data.
    Golden,
}

/// The module of a crate's unit tests that need `/dev/kvm`.
pub(super) const NATIVE_MODULE: &str = "native_tests::";

impl Tier {
    /// All, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Unit, Self::Golden, Self::Native, Self::Nested];

    /// The tier of an integration test binary, by its name.
    pub(super) fn of_binary(name: &str) -> Self {
        match name {
            _ if name.starts_with("native_") => Self::Native,
            _ if name.starts_with("nested_") => Self::Nested,
            _ if name.starts_with("golden") => Self::Golden,
            _ => Self::Unit,
        }
    }

    /// How many tests of a binary run at a time.
    pub(super) fn threads(self) -> usize {
        let cpus = std::thread::available_parallelism().map_or(2, usize::from);
        match self {
            // With one thread libtest runs tests on its main thread, whose name is not the test's.
            Self::Unit | Self::Golden | Self::Native => cpus.max(2),
            Self::Nested => 2,
        }
    }

    /// Whether a test that fails is run once more: those with real machines, on a host that others use, too.
    pub(super) fn has_second_try(self) -> bool {
        matches!(self, Self::Native | Self::Nested)
    }

    /// After how long a binary that has not ended is killed: far beyond what a loaded machine needs.
    pub(super) fn deadline(self, full: bool) -> Duration {
        Duration::from_secs(match self {
            Self::Unit | Self::Golden => 15 * 60,
            Self::Native => 25 * 60,
            Self::Nested if full => 6 * 60 * 60,
            Self::Nested => 50 * 60,
        })
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unit => "unit",
            Self::Native => "native",
            Self::Nested => "nested",
            Self::Golden => "golden",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_s_name_tells_its_tier() {
        assert_eq!(Tier::of_binary("native_block"), Tier::Native);
        assert_eq!(Tier::of_binary("nested_linux"), Tier::Nested);
        assert_eq!(Tier::of_binary("golden"), Tier::Golden);
        assert_eq!(Tier::of_binary("structure"), Tier::Unit);
    }
}
