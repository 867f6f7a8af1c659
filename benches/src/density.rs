//! Part *density*: many idle machines in one process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::context::Context;
use crate::host;
use crate::machines::{self, Board, Guest, Kind, MEMORY_MIB, Place, Subject, library_config};
use crate::memory::{kib, of_process};
use crate::monotonic::{milliseconds, now_ns};
use crate::report::{Goal, Section, Table};
use crate::start::launch;
use crate::statistics::{median, ratio_of_medians};

/// Single runs stand for so many in other parts: each is of many machines.
const RUNS_OF_ONE: u32 = 10;
/// How long guests that have printed something may go on to set themselves up.
const PATIENCE: Duration = Duration::from_secs(20);
/// A process that has used no processor time for so long is idle.
const QUIET: Duration = Duration::from_millis(200);

const START: &str = "many: start of all";
const EACH: &str = "many: memory beyond guest RAM, each";

/// The guest's script: it stops behind its first byte, where a floor ends, too.
const STOP: &str = "stop";
/// It prepares its devices and waits.
const GO_ON: &str = "idle";
/// What sets the series of such guests apart.
const GOES_ON: &str = ", guests go on";

#[derive(Deserialize)]
struct Timeline {
    first_console_output_ns: u64,
}

/// What one process with all machines took.
struct Found {
    /// From the process start to the last machine's first output, in ms.
    all_started: f64,
    /// KiB beyond guest RAM, of each.
    each: f64,
}

/// Measures.
///
/// # Errors
/// The floor or a machine cannot be run.
pub fn run(context: &mut Context) -> Result<Section> {
    let count = context.options.machines;
    let mut section = Section::new(&format!("{count} machines in one process"));
    section.text(format!(
        "{count} machines by the library alone, one vCPU, {MEMORY_MIB} MiB and a disk each, started by 16 threads of one \
         process: from the process start until the last of them has printed its first byte, beside as many processes of \
         the floor, started one right after the other. A floor ends with its byte, and so do these guests; those that \
         *go on* put drivers on their devices and wait, and what that takes them they take from the others' starts. Memory \
         is the process's proportional set size less mapped guest RAM, when all of those are idle."
    ));
    if let Err(why) = host::kvm() {
        section.not_run("any machine", why);
        return Ok(section);
    }
    let Some(program) = context.built.ours.bare_vmm.clone() else {
        section.not_run("machines by the library alone", "this build has no bare-vmm");
        return Ok(section);
    };
    let places: Vec<Place> = (0..count).map(|number| Place::new(number, false)).collect::<Result<_>>()?;
    let (subjects, _) = machines::subjects(&context.built);
    let floor = subjects.iter().find(|subject| subject.kind == Kind::Floor).context("There is no floor")?;
    let image = context.built.guest.clone();
    let (warm_up, runs) = (context.options.warm_up.min(1), context.options.runs.div_ceil(RUNS_OF_ONE));
    for round in 0..warm_up + runs {
        let boards = [Board::Microvm, Board::Q35];
        let mut order = vec![None];
        order.extend(boards.iter().flat_map(|board| [Some((*board, STOP)), Some((*board, GO_ON))]));
        context.rng.shuffle(&mut order);
        for machines in order {
            let (series, found) = match machines {
                None => (machines::FLOOR.to_owned(), floors(floor, &image, &places).map(|all| (all, None))),
                Some((board, script)) => {
                    let guest = Guest { image: &image, script, cpus: 1 };
                    let found = machines_in_one_process(&program, board, &guest, &places);
                    let each = |found: &Found| (script == GO_ON).then_some(found.each);
                    (series(board, script), found.map(|found| (found.all_started, each(&found))))
                }
            };
            let (all, each) = found.with_context(|| format!("{count} times {series}"))?;
            if let Some(run) = round.checked_sub(warm_up) {
                context.samples.push(START, &series, "ms", run, all);
                each.into_iter().for_each(|each| context.samples.push(EACH, &series, "KiB", run, each));
            }
        }
    }
    tell(context, &mut section, count);
    Ok(section)
}

fn series(board: Board, script: &str) -> String {
    format!("bare vmm {}{}", board.name(), if script == GO_ON { GOES_ON } else { "" })
}

/// The tables and the goals.
fn tell(context: &mut Context, section: &mut Section, count: u32) {
    let mut table = Table::new(
        &format!("{count} machines at once, medians"),
        ["series", "n", "start of all, ms", "ms each", "x floor", "95 % interval", "KiB each"],
    );
    let floor = context.samples.values(START, machines::FLOOR);
    let series: Vec<String> = context.samples.series(START).into_iter().map(str::to_owned).collect();
    for name in series {
        let (starts, each) = (context.samples.values(START, &name), median(&context.samples.values(EACH, &name)));
        let all = median(&starts).unwrap_or_default();
        let ratio = ratio_of_medians(&starts, &floor, &mut context.rng);
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let factor = text(ratio.map(|ratio| format!("{:.2}", ratio.ratio)));
        let interval = text(ratio.map(|ratio| format!("{:.2} to {:.2}", ratio.low, ratio.high)));
        let one = format!("{:.2}", all / f64::from(count));
        table.row([
            name.clone(),
            starts.len().to_string(),
            format!("{all:.0}"),
            one,
            factor,
            interval,
            text(each.map(|each| format!("{each:.0}"))),
        ]);
        if name == machines::FLOOR {
            continue;
        }
        section.goal(match each {
            Some(each) => Goal {
                aim: format!("{name}: at most 1 MiB each beyond guest RAM"),
                met: Some(each <= 1024.0),
                found: format!("{each:.0} KiB"),
            },
            None => Goal {
                aim: format!("{name}: start of {count} machines in one process within 1.5 x of {count} floors"),
                met: ratio.map(|ratio| ratio.high <= 1.5),
                found: text(ratio.map(|ratio| format!("{:.2} x, 95 % interval to {:.2}", ratio.ratio, ratio.high))),
            },
        });
    }
    section.table(table);
}

/// From the first floor's start to the last one's output, in ms.
fn floors(floor: &Subject, image: &Path, places: &[Place]) -> Result<f64> {
    let guest = Guest { image, script: "", cpus: 1 };
    let starts = launch::start(floor, &guest, places).into_iter().collect::<Result<Vec<_>>>()?;
    let first = starts.iter().map(|start| start.started_ns).min().context("No floor was started")?;
    let ends = starts.iter().map(|start| milliseconds(first, start.started_ns) + start.first_output_ms);
    Ok(ends.fold(0.0, f64::max))
}

/// Waits until `process` is idle.
fn settle(process: u32) {
    let (deadline, mut before) = (Instant::now() + PATIENCE, None);
    while Instant::now() < deadline {
        let used = fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(|stat| processor_time(&stat));
        if used.is_none() || used == before {
            return;
        }
        before = used;
        std::thread::sleep(QUIET);
    }
}

/// Ticks of processor time, of the user and of the kernel (proc_pid_stat(5), fields 14 and 15).
fn processor_time(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn machines_in_one_process(program: &Path, board: Board, guest: &Guest<'_>, places: &[Place]) -> Result<Found> {
    let machines: Vec<_> = places
        .iter()
        .map(|place| {
            let config = library_config(board, guest, None);
            json!({ "config": config, "kernel": guest.image, "disks": [place.disk()], "taps": [] })
        })
        .collect();
    let mut command = Command::new(program);
    command.arg(json!({ "machines": machines, "hold": true }).to_string());
    let started_ns = now_ns();
    command.env("PODVISOR_START_NS", started_ns.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().with_context(|| format!("Cannot run {}", program.display()))?;
    let mut line = String::new();
    BufReader::new(process.stdout.take().context("No standard output")?).read_line(&mut line)?;
    let taken = if line.is_empty() {
        Err(anyhow!("It ended before all had started"))
    } else {
        settle(process.id());
        of_process(process.id(), MEMORY_MIB << 10)
    };
    // Its input ends with this, and so does it.
    let output = process.wait_with_output().context("Cannot wait for a program")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", output.status, told.trim());
    let times = told.lines().filter_map(|line| serde_json::from_str::<Timeline>(line).ok());
    let last = times.map(|time| time.first_console_output_ns).max().context("No machine told its times")?;
    #[allow(clippy::cast_precision_loss)] // a few hundred
    let each = kib(taken?.beyond) / places.len() as f64;
    Ok(Found { all_started: milliseconds(started_ns, last), each })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 123 0 4 0 15 26 0 0 20";
        assert_eq!(processor_time(stat), Some((15, 26)));
        assert_eq!(processor_time("7"), None);
    }
}
