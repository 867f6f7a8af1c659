//! Cases, and the series that are measured for each: running them and what is said of them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Figures;
use crate::context::Context;
use crate::programs::Built;
use crate::report::Table;
use crate::statistics::{median, ratio_of_medians};

/// A number of requests, and the ways to have them done. The first way is the host's, which others are compared with.
pub(super) struct Case {
    /// What it is called.
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) series: Vec<Series>,
}

/// A way to have a case's requests done.
pub(super) struct Series {
    pub(super) name: String,
    /// A program that prints [`Figures`].
    pub(super) command: Vec<String>,
}

/// What the guest's series are called: it waits for interrupts, or looks whether there is something.
pub(super) const BY_INTERRUPTS: &str = "guest, by interrupts";
pub(super) const LOOKING: &str = "guest, looking";

/// A run that takes longer, in seconds, has failed.
const PATIENCE: &str = "60";

/// What is told of each request, with the figures that add up to it.
const COSTS: [(&str, &str, &[&str]); 5] = [
    ("worker CPU", "us", &["host CPU", "worker CPU"]),
    ("vCPU CPU", "us", &["vCPU CPU"]),
    ("notifications", "per request", &["notifications", "sent_notifications", "taken_notifications"]),
    ("interrupts", "per request", &["interrupts"]),
    ("exits", "per request", &["exits"]),
];

impl Case {
    /// The name of one of its figures.
    fn figure(&self, name: &str) -> String {
        format!("I/O, {}: {name}", self.name)
    }

    /// Runs each series once, in any order.
    fn round(&self, context: &mut Context, run: Option<u32>) -> Result<()> {
        let mut order: Vec<_> = self.series.iter().collect();
        context.rng.shuffle(&mut order);
        for series in order {
            let figures = series.run().with_context(|| format!("{}, {}", self.name, series.name))?;
            let Some(run) = run else { continue };
            let requests = self.requests as f64;
            let mut push = |name, unit, value| context.samples.push(&self.figure(name), &series.name, unit, run, value);
            push("requests", "per s", requests * 1e9 / figures.get("ns")?);
            for (cost, unit, parts) in COSTS {
                let told: Vec<f64> = parts.iter().filter_map(|part| figures.get(part).ok()).collect();
                if !told.is_empty() {
                    let scale = if unit == "us" { 1000.0 } else { 1.0 };
                    push(cost, unit, told.iter().sum::<f64>() / scale / requests);
                }
            }
        }
        Ok(())
    }

    /// Its rows: one for each series.
    fn rows(&self, context: &mut Context, table: &mut Table) {
        let host = self.series.first().map(|series| series.name.as_str()).unwrap_or_default();
        let requests = self.figure("requests");
        let theirs = context.samples.values(&requests, host);
        for series in &self.series {
            let rates = context.samples.values(&requests, &series.name);
            let Some(rate) = median(&rates) else { continue };
            let ratio = match ratio_of_medians(&rates, &theirs, &mut context.rng) {
                Some(ratio) if series.name != host => {
                    format!("{:.2} [{:.2}, {:.2}]", ratio.ratio, ratio.low, ratio.high)
                }
                _ => String::new(),
            };
            let cost = |name: &str, digits: usize| {
                let values = context.samples.values(&self.figure(name), &series.name);
                median(&values).map_or(String::new(), |value| format!("{value:.digits$}"))
            };
            table.row([
                format!("{}: {}", self.name, series.name),
                rates.len().to_string(),
                format!("{rate:.0}"),
                format!("{:.0}", rate * self.bytes as f64 / 1e6),
                ratio,
                cost("worker CPU", 1),
                cost("vCPU CPU", 1),
                cost("notifications", 3),
                cost("interrupts", 3),
                cost("exits", 3),
            ]);
        }
    }

    /// The rate of `series` by that of the host.
    pub(super) fn ratio(&self, context: &mut Context, series: &str) -> Option<crate::statistics::Ratio> {
        let rates = |series: &str| context.samples.values(&self.figure("requests"), series);
        let (ours, theirs) = (rates(series), rates(&self.series.first()?.name));
        ratio_of_medians(&ours, &theirs, &mut context.rng)
    }
}

impl Series {
    fn run(&self) -> Result<Figures> {
        // The message alone is what is told.
        let run = Command::new("timeout")
            .arg(PATIENCE)
            .args(&self.command)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output();
        let output = run.context("Cannot run timeout")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, told.trim());
        Figures::parse(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The guest's series, of this tree and of the revision to compare with, by the command of a program and whether its guest
/// looks.
pub(super) fn guests(built: &Built, command: impl Fn(&Path, u8) -> Vec<String>) -> Vec<Series> {
    let mut series = Vec::new();
    for programs in [&built.ours].into_iter().chain(&built.against) {
        let Some(program) = &programs.guest_io else { continue };
        for (name, poll) in [(BY_INTERRUPTS, 0), (LOOKING, 1)] {
            let name = [name, programs.revision.as_str()].join(" ").trim_end().to_owned();
            series.push(Series { name, command: command(program, poll) });
        }
    }
    series
}

/// Runs all `cases`, round by round, and tells of them.
///
/// # Errors
/// A run fails.
pub(super) fn measure(context: &mut Context, caption: &str, cases: &[Case]) -> Result<Table> {
    // Each run is a new process: one round warms up what can be warmed.
    let warm_up = (context.options.warm_up > 0).then_some(None);
    for run in warm_up.into_iter().chain((0..context.options.runs).map(Some)) {
        for case in cases {
            case.round(context, run)?;
        }
    }
    let headings = [
        "case",
        "n",
        "requests/s",
        "MB/s",
        "ratio to the host [95 %]",
        "CPU us",
        "vCPU CPU us",
        "notifications",
        "interrupts",
        "exits",
    ];
    let mut table = Table::new(caption, headings);
    cases.iter().for_each(|case| case.rows(context, &mut table));
    Ok(table)
}
