//! `bench`: runs the chosen parts and writes the report.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::options::Options;
use benches::parts;
use clap::Parser;

fn main() -> anyhow::Result<ExitCode> {
    parts::run(Options::parse())
}
