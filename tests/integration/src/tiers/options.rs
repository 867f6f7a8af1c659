//! The runner's command line.

use clap::Parser;

use super::tier::Tier;

/// Runs Podvisor's tests by tier and reports them.
///
/// Examples:
///   make test TIER=native FILTER=pause
///   make test-full TIER=nested
#[derive(Debug, Parser)]
#[command(name = "tiers", verbatim_doc_comment)]
pub struct Options {
    /// The tiers to run.
    #[arg(long = "tier", value_enum, value_delimiter = ',', default_values_t = Tier::ALL)]
    pub tiers: Vec<Tier>,

    /// The tiers that must not be skipped, and must run as many tests as tests/expected.toml says.
    #[arg(long, env = "REQUIRE", value_enum, value_delimiter = ',')]
    pub require: Vec<Tier>,

    /// Run only tests whose path contains this.
    #[arg(long)]
    pub filter: Option<String>,

    /// Run nested tests with each kernel that otherwise take one of them.
    #[arg(long)]
    pub full: bool,

    /// Cases of each property test.
    #[arg(long, default_value_t = 256)]
    pub proptest_cases: u32,

    /// The seed of the property tests; chosen from the clock when absent.
    #[arg(long, env = "PROPTEST_RNG_SEED")]
    pub seed: Option<u64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn all_tiers_run_unless_some_are_named() {
        let options = Options::try_parse_from(["tiers"]).unwrap();
        assert_eq!(options.tiers, Tier::ALL);
        let options = Options::try_parse_from(["tiers", "--tier", "unit,nested", "--require", "unit"]).unwrap();
        assert_eq!(options.tiers, [Tier::Unit, Tier::Nested]);
        assert_eq!(options.require, [Tier::Unit]);
    }
}
