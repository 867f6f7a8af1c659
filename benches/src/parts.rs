//! Runs the chosen parts and writes what they found.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::options::{Options, Part};
use crate::programs::{self, Built};
use crate::report::{self, Section};
use crate::{density, host, instructions, io, memory, micro, network, start};

/// Runs what `options` say; fails if a part does. What cannot be run on this machine is no failure: the report tells.
///
/// # Errors
/// The report cannot be written.
#[allow(clippy::print_stdout)] // what the bench is run for
pub fn run(options: Options) -> Result<ExitCode> {
    let directory = options.output.clone();
    fs::create_dir_all(&directory).with_context(|| format!("Cannot make {}", directory.display()))?;
    // Below the output, where the process in the namespace finds them again.
    let (programs, against) = (directory.join("programs"), options.against.as_deref());
    let Some(network) = network::inside() else {
        // The builds may replace the program that runs.
        let bench = programs::keep(&programs)?;
        Built::build(&programs, against)?;
        if options.parts.contains(&Part::Micro) {
            micro::build()?;
        }
        return Err(network::enter(&bench));
    };
    let built = Built::find(&programs, against);
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let parts = options.parts.clone();
    let mut sections = vec![host::section(&built.ours.launcher, seed)];
    let mut context = Context::new(options, built, network, seed);
    let mut failed = false;
    for part in parts {
        let section = measure(part, &mut context).unwrap_or_else(|error| {
            failed = true;
            let mut section = Section::new(&format!("{part:?}"));
            section.not_run("this part to its end", format!("{error:#}"));
            section
        });
        println!("{section}");
        sections.push(section);
    }
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("Cannot write {}", path.display()))
    };
    write("samples.csv", context.samples.to_csv())?;
    write("report.html", report::page("Podvisor: the bench", &sections))?;
    println!("Report: {}", directory.join("report.html").display());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn measure(part: Part, context: &mut Context) -> Result<Section> {
    match part {
        Part::Start => start::run(context),
        Part::Memory => memory::run(context),
        Part::Density => density::run(context),
        Part::Io => io::measure(context),
        Part::Micro => micro::measure(context),
        Part::Instructions => instructions::measure(context),
    }
}
