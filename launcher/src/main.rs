//! Runs one virtual machine: flags or a configuration file in, machine out.
//!
//! `main` only wires: it reads the clock and the command line, sets up logging, and turns the outcome into an exit
//! status. Everything else stands in a module of its own.

#![forbid(unsafe_code)]

mod args;
mod cleanup;
mod console;
mod doctor;
mod exit;
mod firmware;
mod help;
mod logging;
mod manifest;
mod merge;
mod report;
mod resources;
mod run;
mod run_config;
mod shutdown;
mod signals;
mod socket_file;
mod start_time;

use args::{Cli, Command};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let entered_ns = start_time::now_ns();
    cleanup::install_panic_hook();
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(refused) => return exit::refused_arguments(&refused),
    };
    match wire(&cli, entered_ns) {
        Ok(status) => status,
        Err(error) => exit::failed(error.as_ref()),
    }
}

fn wire(cli: &Cli, entered_ns: u64) -> Result<ExitCode, Box<dyn Error>> {
    logging::install(std::env::var_os(logging::VARIABLE).as_deref())?;
    match &cli.command {
        Command::Run(args) => {
            let parent = std::env::var_os(start_time::VARIABLE);
            let start = start_time::StartTime::from_parent(parent.as_deref(), entered_ns)?;
            let config = merge::load(args)?;
            Ok(exit::finished(&run::run(config, args.grace.unwrap_or_default(), args.boot_report, start)?))
        }
        Command::Doctor(args) => Ok(exit::examined(doctor::run(args.json)?)),
        Command::Manifest(command) => Ok(manifest::run(command)?),
    }
}
