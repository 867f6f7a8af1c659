//! Fetches the Debian packages that nested tests boot.

use anyhow::Result;
use clap::Parser;
use integration::images::Images;

/// Fetches the Debian packages that nested tests boot, below target/images.
#[derive(Debug, Parser)]
enum Command {
    /// Fetch what tests/images.lock records, or what the mirror has now where that is gone.
    Fetch,
    /// Write tests/images.lock anew from what the mirror has now.
    Lock,
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Fetch => Images::ensure().map(drop),
        Command::Lock => Images::relock(),
    }
}
