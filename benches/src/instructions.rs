//! Instructions of a start, counted by callgrind: a change shows whatever the noise.
//!
//! The program runs on valgrind's processor, its system calls (KVM's too) on the host's: what is counted is what the
//! program does in user space from its start to its end, with a guest that powers off at once. The guest's own code and the
//! kernel's are not in it. Threads wait for each other and for the guest as in life, so that counts differ by some
//! thousandths.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::machines::{Board, Guest, Kind, Place};
use crate::report::{Section, Table};
use crate::statistics::median;

/// Counts of each series: they hardly differ.
const RUNS: u32 = 5;
/// What is counted: everything, and `Vm::build`, which is done by one thread and waits for nobody but the loader.
const ALL: &str = "instructions, start to end";
const BUILD: &str = "instructions of Vm::build";
/// Functions that are listed, those that cost most first.
const LISTED: usize = 25;
/// valgrind hides the kernel's vDSO, but not from who asks the kernel itself, as rustix does by this call: it is told no,
/// and asks otherwise.
const HIDE_VDSO: [&str; 7] = [
    "strace",
    "--follow-forks",
    "--trace=prctl",
    "--inject=prctl:error=EINVAL:when=1",
    "--output=/dev/null",
    "--quiet=all",
    "--",
];

/// Counts.
///
/// # Errors
/// A count cannot be read.
pub fn measure(context: &mut Context) -> Result<Section> {
    let mut section = Section::new("Instructions");
    for tool in ["valgrind", "strace", "callgrind_annotate"] {
        if let Err(error) = Command::new(tool).arg("--version").output() {
            section.not_run("the count of instructions", format!("{tool}: {error}"));
            return Ok(section);
        }
    }
    let place = Place::new(0, false)?;
    let mut table = Table::new(
        "Instructions in user space: 1 vCPU, 128 MiB, a disk, a guest that powers off at once (callgrind)",
        ["machine", "n", "median", "least", "most"],
    );
    let built = context.built.clone();
    let revisions = || [&built.ours].into_iter().chain(&built.against);
    for (programs, board) in
        revisions().flat_map(|programs| [Board::Microvm, Board::Q35].map(|board| (programs, board)))
    {
        let series = format!("vmm, {} {}", board.name(), programs.revision).trim_end().to_owned();
        let Some(program) = &programs.bare_vmm else {
            section.not_run(&series, "that revision has no bare-vmm");
            continue;
        };
        let output = context.directory.join(format!("callgrind.{}", series.replace([',', ' '], "-")));
        let mut functions = String::new();
        for run in 0..RUNS {
            match count(program, &built.guest, &place, board, &output) {
                Ok(all) => context.samples.push(ALL, &series, "instructions", run, all),
                Err(error) => {
                    section.not_run(&series, format!("{error:#}"));
                    break;
                }
            }
            functions = annotate(&output)?;
            if let Some(build) = inclusive(&functions, "vmm::handle::Vm::build_since") {
                context.samples.push(BUILD, &series, "instructions", run, build);
            }
        }
        for figure in [ALL, BUILD] {
            let counts = context.samples.values(figure, &series);
            let Some(middle) = median(&counts) else { continue };
            let most = counts.iter().copied().fold(0.0, f64::max);
            let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
            let name = format!("{series}: {figure}");
            table.row([name, counts.len().to_string(), whole(middle), whole(least), whole(most)]);
        }
        let listed: Vec<_> = ours(&functions).take(LISTED).collect();
        section.listing(&format!("Where they are ({series}), with what is called"), listed.join("\n"));
    }
    section.table(table);
    Ok(section)
}

fn whole(count: f64) -> String {
    format!("{count:.0}")
}

/// One count; the profile is left at `output`.
fn count(program: &Path, guest: &Path, place: &Place, board: Board, output: &Path) -> Result<f64> {
    let mut command = Command::new(HIDE_VDSO[0]);
    command.args(&HIDE_VDSO[1..]).args(["valgrind", "--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", output.display())).arg(program);
    let guest = Guest { image: guest, script: "poweroff", cpus: 1 };
    command.args(Kind::BareVmm(board).arguments(&guest, place)?);
    let run = command.env("RUST_BACKTRACE", "0").env("PODVISOR_START_NS", "1").output().context("Cannot run strace")?;
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    ensure!(run.status.success(), "valgrind failed ({}): {}", run.status, told.trim());
    collected(&told).with_context(|| format!("valgrind told no count: {told:?}"))
}

/// The count in what callgrind says at the end: `==PID== Collected : N`.
fn collected(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// The functions of a profile, those with most instructions first, what they call included.
fn annotate(profile: &Path) -> Result<String> {
    let run = Command::new("callgrind_annotate").args(["--inclusive=yes", "--threshold=100"]).arg(profile).output();
    Ok(String::from_utf8_lossy(&run.context("Cannot run callgrind_annotate")?.stdout).into_owned())
}

/// What `function` and those that it calls execute.
fn inclusive(annotated: &str, function: &str) -> Option<f64> {
    let line = ours(annotated).find(|line| line.ends_with(&format!(":{function}")))?;
    line.split_whitespace().next()?.replace(',', "").parse().ok()
}

/// The lines of functions of this project, `N (P%) file:function [object]`, without the object.
fn ours(annotated: &str) -> impl Iterator<Item = &str> {
    // What was inlined has lines of its own, without an object.
    let functions = annotated.lines().filter_map(|line| Some(line.split_once(" [")?.0));
    functions.filter(|line| ["vmm::", "devices::"].iter().any(|crate_| line.contains(crate_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_line_that_says_so() {
        let text = "==7== Events    : Ir\n==7== Collected : 2595891\n==7== \n==7== I   refs:      2,595,891\n";
        assert_eq!(collected(text), Some(2_595_891.0));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }

    #[test]
    fn only_functions_of_ours_are_listed_without_their_object() {
        let text =
            "100 (50%)  src/main.rs:main [/x/launcher]\n90 (45%)  vmm/src/handle.rs:vmm::handle::Vm::build [/x]\n";
        assert_eq!(ours(text).collect::<Vec<_>>(), ["90 (45%)  vmm/src/handle.rs:vmm::handle::Vm::build"]);
    }
}
