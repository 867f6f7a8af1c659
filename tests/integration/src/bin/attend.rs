//! Runs a guest and does what its console asks for.

use anyhow::Result;
use clap::Parser;
use integration::attend;

fn main() -> Result<()> {
    attend::run(&attend::Options::parse())
}
