//! The test runner behind `make test` and `.ci/run`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use integration::tiers;

fn main() -> Result<ExitCode> {
    let good = tiers::run(&tiers::Options::parse())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
