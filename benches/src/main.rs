//! `bench`: runs the chosen parts and writes the report.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::options::Options;
use benches::parts;
use clap::Parser;

#[allow(clippy::print_stderr)] // what went wrong
fn main() -> ExitCode {
    parts::run(Options::parse()).unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::FAILURE
    })
}
