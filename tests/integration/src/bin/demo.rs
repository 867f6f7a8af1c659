//! The program behind `make demo`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use integration::demo;

fn main() -> Result<ExitCode> {
    let good = demo::run(&demo::Options::parse())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
