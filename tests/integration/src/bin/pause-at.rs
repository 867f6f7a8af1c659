//! Runs a guest that is paused and resumed at a line of its console.

use anyhow::Result;
use clap::Parser;
use integration::pause_at;

fn main() -> Result<()> {
    pause_at::run(&pause_at::Options::parse())
}
