//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// What to measure, and how often.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", about = "Measures Podvisor beside its peers and the floor, and writes a report")]
pub struct Options {
    /// The parts to run, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::value_variants().to_vec())]
    pub parts: Vec<Part>,
    /// Measured runs of each series.
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Runs of each series before the measured ones.
    #[arg(long, default_value_t = 5)]
    pub warm_up: u32,
    /// Seconds of traffic before a machine's memory is measured.
    #[arg(long, default_value_t = 60)]
    pub seconds: u32,
    /// Idle machines in one process.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub machines: u32,
    /// Compare with this git revision, whose programs are built and run beside ours.
    #[arg(long, value_name = "REVISION")]
    pub against: Option<String>,
    /// Begin of the sequence that shuffles runs and resamples results; random if it is not given. The report tells it.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where the report, the samples and the plots are written.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub output: PathBuf,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Process start to first output.
    Start,
    /// What a machine takes beyond its guest's memory.
    Memory,
    /// Many machines in one process.
    Density,
    /// Disks and networks.
    Io,
    /// Pieces of the data path.
    Micro,
    /// What a start executes.
    Instructions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
