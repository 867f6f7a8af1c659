//! The test runner: builds every test binary once, runs the tests by tier and reports them.
//!
//! | tier | tests |
//! |---|---|
//! | unit | everything that is neither of the others, and the examples in the documentation |
//! | native | unit tests in a module `native_tests`, and the binaries `tests/native_*.rs`: they need `/dev/kvm` |
//! | nested | the binaries `tests/nested_*.rs`: Linux guests in an emulated machine |
//! | golden | the binaries `tests/golden*.rs`: they need upstream's data |
//!
//! A test of a native or nested tier that fails is run once more, alone, after all others of its tier; one that passes then
//! is counted as passed, and listed. More than two of a tier are a failure.
//!
//! A required tier (`REQUIRE=unit,native,nested`) that is skipped, or runs fewer tests than `tests/expected.toml`
//! says, is a failure. The last line is `N passed, N failed, N skipped`.

mod again;
mod build;
mod doctests;
mod expected;
pub(crate) mod libtest;
mod options;
mod process;
mod report;
mod run;
mod tier;

use std::time::Instant;

use anyhow::Result;

pub use options::Options;

use report::Report;

/// Builds, runs and reports; `Ok(false)` when a test failed or a required tier fell short.
///
/// # Errors
/// The tests cannot be built or started at all.
pub fn run(options: &Options) -> Result<bool> {
    let start = Instant::now();
    let built = build::build(options)?;
    let mut report = Report::new(start.elapsed());
    for &tier in &options.tiers {
        report.add(run::run_tier(tier, &built, options)?);
    }
    // A filter asks for a part on purpose.
    let expected = if options.filter.is_none() { expected::load()? } else { expected::Expected::default() };
    for &tier in &options.require {
        report.require(tier, expected.minimum(tier));
    }
    println!("{}", report.render().trim_end());
    Ok(report.is_good())
}
