//! Part *start*: from the process start to the guest's first output.

pub(crate) mod launch;
mod series;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::machines::{self, FLOOR, Guest, Kind, Place, Subject};
use crate::programs::Built;
use crate::report::{Goal, Section, Table};
use crate::statistics::{median, quantile, ratio_of_medians};
use crate::{host, plot};
use launch::Start;
use series::Series;

/// How many start at once, in the second half of this part.
const AT_ONCE: u8 = 10;

/// Figures that a phase breakdown is made of, in their order.
const PHASES: [&str; 5] =
    ["to KVM ready", "to memory ready", "to the first KVM_RUN", "guest to its first byte", "byte to the bench"];

/// One way to start machines: how many at once.
struct Mode {
    name: String,
    at_once: usize,
    rounds: u32,
}

/// Measures.
///
/// # Errors
/// The host has no room for disks, or a plot cannot be drawn.
pub fn run(context: &mut Context) -> Result<Section> {
    let mut section = Section::new("Start");
    section.text(
        "From just before the fork of a machine's process to the first byte of its guest in the bench: the same bare-metal \
         guest, one vCPU, 128 MiB, a disk and a network for all; which series is next is drawn anew in each round. The floor \
         is a program that makes KVM's calls and nothing else.",
    );
    if let Err(why) = host::kvm() {
        section.not_run("any start", why);
        return Ok(section);
    }
    section.not_run("starts to Linux's init", machines::why_no_linux());
    let network = match &context.network {
        Ok(()) => true,
        Err(why) => {
            section.not_run("starts with a network", why.clone());
            false
        }
    };
    let places: Vec<Place> = (0..AT_ONCE.into()).map(|number| Place::new(number, network)).collect::<Result<_>>()?;
    let (subjects, missing) = machines::subjects(&context.built);
    missing.iter().for_each(|(what, why)| section.not_run(what, why.clone()));
    let runs = context.options.runs;
    let modes = [
        Mode { name: "one at a time".to_owned(), at_once: 1, rounds: runs },
        Mode { name: format!("{AT_ONCE} at once"), at_once: AT_ONCE.into(), rounds: runs.div_ceil(AT_ONCE.into()) },
    ];
    for mode in modes {
        measure(context, &mut section, &mode, &subjects, &places)?;
    }
    match trace(&context.built, &places) {
        Ok(trace) => {
            section.listing("The floor's system calls, each with the time since the one before (strace -r)", trace)
        }
        Err(error) => section.not_run("the floor under strace", format!("{error:#}")),
    }
    Ok(section)
}

/// The floor's system calls.
fn trace(built: &Built, places: &[Place]) -> Result<String> {
    let file = places.first().context("No place")?.write("trace", "")?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-r", "-o"]).arg(&file).arg(&built.floor).arg(&built.guest);
    let output = strace.output().context("strace cannot be run (Debian: package strace)")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    fs::read_to_string(file).context("Cannot read the trace")
}

fn measure(
    context: &mut Context,
    section: &mut Section,
    mode: &Mode,
    subjects: &[Subject],
    places: &[Place],
) -> Result<()> {
    let mut all: Vec<Series<'_>> = subjects.iter().map(Series::new).collect();
    let places = places.get(..mode.at_once).unwrap_or(places);
    for round in 0..context.options.warm_up + mode.rounds {
        context.rng.shuffle(&mut all);
        for series in &mut all {
            let guest = Guest { image: &context.built.guest, script: "poweroff", cpus: 1 };
            series.start(&guest, places, round < context.options.warm_up);
        }
    }
    // As they are listed, whatever the last round's order was.
    all.sort_by_key(|series| subjects.iter().position(|subject| subject.name == series.subject.name));
    let figure = |what: &str| format!("start, {}: {what}", mode.name);
    for series in &all {
        let name = &series.subject.name;
        series.failures().into_iter().for_each(|why| section.not_run(&format!("{name}, {}", mode.name), why));
        for (run, start) in (0..).zip(&series.starts) {
            let mut push = |what: &str, unit, value| context.samples.push(&figure(what), name, unit, run, value);
            push("first output", "ms", start.first_output_ms);
            start.page_faults.into_iter().for_each(|faults| push("page faults", "faults", faults));
            if let Some(steps) = start.steps {
                push("payload loaded", "ms", steps.payload_loaded);
                push("first KVM_RUN", "ms", steps.first_kvm_run);
                PHASES.iter().zip(phases(start)).for_each(|(phase, value)| push(phase, "ms", value));
            }
        }
    }
    let output = figure("first output");
    section.table(times(context, &format!("Process start to first output, {}", mode.name), &output));
    let run = figure("first KVM_RUN");
    section.table(times(context, &format!("Process start to the first KVM_RUN, {}", mode.name), &run));
    let distribution = named(context, &output);
    if !distribution.is_empty() {
        let series: Vec<_> = distribution.iter().map(|(name, values)| (name.as_str(), values.clone())).collect();
        let svg = plot::cumulative_distribution("ms from the process start to the first output", &series)?;
        section.picture(&format!("Process start to first output, {}", mode.name), svg);
    }
    breakdown(context, section, mode)?;
    goals(context, section, mode, subjects);
    Ok(())
}

/// The phases of one start, in the order of [`PHASES`].
fn phases(start: &Start) -> [f64; 5] {
    let steps = start.steps.unwrap_or_default();
    [
        steps.kvm_ready,
        steps.memory_ready - steps.kvm_ready,
        steps.first_kvm_run - steps.memory_ready,
        steps.first_console_output - steps.first_kvm_run,
        start.first_output_ms - steps.first_console_output,
    ]
}

fn named(context: &Context, figure: &str) -> Vec<(String, Vec<f64>)> {
    let series = context.samples.series(figure);
    series.into_iter().map(|series| (series.to_owned(), context.samples.values(figure, series))).collect()
}

/// A line for each series: how many runs, the median, the 99th percentile, and the ratio to the floor.
fn times(context: &mut Context, caption: &str, figure: &str) -> Table {
    let headings = ["series", "n", "median, ms", "p99, ms", "x floor", "95 % interval"];
    let mut table = Table::new(caption, headings);
    let floor = context.samples.values(figure, FLOOR);
    for (name, values) in named(context, figure) {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
        let ratio = ratio_of_medians(&values, &floor, &mut context.rng);
        let interval = ratio.map_or_else(String::new, |ratio| format!("{:.2} to {:.2}", ratio.low, ratio.high));
        let (middle, late) = (number(median(&values)), number(quantile(&values, 0.99)));
        table.row([name, values.len().to_string(), middle, late, number(ratio.map(|ratio| ratio.ratio)), interval]);
    }
    table
}

/// Where the time goes, by the medians of the phases.
fn breakdown(context: &Context, section: &mut Section, mode: &Mode) -> Result<()> {
    let figure = |what: &str| format!("start, {}: {what}", mode.name);
    let names = context.samples.series(&figure(PHASES[0]));
    if names.is_empty() {
        return Ok(());
    }
    let middle = |what: &str, name: &str| median(&context.samples.values(&figure(what), name));
    let bars: Vec<_> =
        names.iter().map(|name| (*name, PHASES.iter().filter_map(|phase| middle(phase, name)).collect())).collect();
    let mut table = Table::new(
        &format!(
            "Phases, medians in ms, {} (payload: from the process start; faults: page faults until the first byte)",
            mode.name
        ),
        ["series"].into_iter().chain(PHASES).chain(["payload loaded", "faults"]),
    );
    for (name, values) in &bars {
        let values: &Vec<f64> = values;
        let ends = [middle("payload loaded", name), middle("page faults", name)];
        let [payload, faults] = ends;
        let times = values
            .iter()
            .copied()
            .map(Some)
            .chain([payload])
            .map(|value| value.map_or_else(String::new, |value| format!("{value:.3}")));
        let faults = faults.map_or_else(String::new, |faults| format!("{faults:.0}"));
        table.row(std::iter::once((*name).to_owned()).chain(times).chain([faults]));
    }
    section.table(table);
    section.picture(&format!("Where the time goes, {}", mode.name), plot::phases("ms", &PHASES, &bars)?);
    Ok(())
}

/// Says which goals were reached: for each of ours, against the floor and every peer.
fn goals(context: &mut Context, section: &mut Section, mode: &Mode, subjects: &[Subject]) {
    let figure = |what: &str| format!("start, {}: {what}", mode.name);
    let ours = subjects.iter().filter(|subject| subject.is_ours());
    for subject in ours.filter(|subject| subject.revision.is_empty()) {
        let (name, mode) = (&subject.name, &mode.name);
        for (what, bound) in [("first KVM_RUN", 2.0), ("first output", 1.25)] {
            let aim = format!("{name}, {mode}, process start to {what}: at most {bound} x the floor's");
            section.goal(compared(context, aim, &figure(what), name, FLOOR, bound));
        }
        for peer in
            subjects.iter().filter(|peer| matches!(peer.kind, Kind::Firecracker | Kind::CloudHypervisor | Kind::Qemu))
        {
            let aim = format!("{name}, {mode}, process start to first output: less than {}'s", peer.name);
            section.goal(compared(context, aim, &figure("first output"), name, &peer.name, 1.0));
        }
    }
}

/// A goal by the upper end of the ratio's interval.
fn compared(context: &mut Context, aim: String, figure: &str, ours: &str, theirs: &str, bound: f64) -> Goal {
    let (ours, theirs) = (context.samples.values(figure, ours), context.samples.values(figure, theirs));
    match ratio_of_medians(&ours, &theirs, &mut context.rng) {
        Some(ratio) => {
            let found = format!("{:.2} x, 95 % interval {:.2} to {:.2}", ratio.ratio, ratio.low, ratio.high);
            Goal { aim, met: Some(ratio.high <= bound), found }
        }
        None => Goal { aim, met: None, found: "one of the two was not measured".to_owned() },
    }
}
