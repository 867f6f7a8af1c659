//! The micro-benchmarks of `benches/micro.rs`, run by criterion, and what it says of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::context::Context;
use crate::programs::{STATIC, TARGET, workspace};
use crate::report::{Section, Table};

/// Criterion's `benchmark.json`, as far as it matters here.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<f64>,
}

/// Its `estimates.json`, likewise; times in ns.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Builds them: once a network namespace is entered, nothing can be fetched.
///
/// # Errors
/// Cargo fails.
pub fn build() -> Result<()> {
    let status = cargo().arg("--no-run").status().context("Cannot run cargo")?;
    ensure!(status.success(), "cargo bench failed ({status}): see its messages above");
    Ok(())
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["bench", "--quiet", "--target", TARGET, "--package", "benches", "--bench", "micro"]);
    // As the other programs, whose builds it shares.
    cargo.current_dir(workspace()).env("RUSTFLAGS", STATIC);
    cargo
}

/// Runs them.
///
/// # Errors
/// What criterion has written cannot be read.
pub fn measure(context: &mut Context) -> Result<Section> {
    let mut section = Section::new("Micro-benchmarks");
    section.text(
        "Pieces of the data path on memory and queues of their own: no guest, no exit. What an exit costs besides is the \
         host's: see I/O at depth 1. Criterion's medians with its 95 % intervals.",
    );
    let results = fs::canonicalize(&context.directory)?.join("criterion");
    // What another run has left is not of this one.
    let _there_may_be_none = fs::remove_dir_all(&results);
    let status = cargo().args(["--", "--noplot"]).env("CRITERION_HOME", &results).status();
    if !status.context("Cannot run cargo")?.success() {
        section.not_run("the micro-benchmarks", "cargo bench failed: see its messages above");
        return Ok(section);
    }
    let mut table = Table::new("Time of each", ["what", "ns", "95 %", "ns per request"]);
    for directory in results_below(&results)? {
        let benchmark: Benchmark = serde_json::from_slice(&fs::read(directory.join("benchmark.json"))?)?;
        let estimates: Estimates = serde_json::from_slice(&fs::read(directory.join("estimates.json"))?)?;
        let Estimate { point_estimate: ns, confidence_interval: Interval { lower_bound, upper_bound } } =
            estimates.median;
        context.samples.push(&format!("micro, {}", benchmark.full_id), "median", "ns", 0, ns);
        let each = benchmark
            .throughput
            .and_then(|throughput| throughput.elements)
            .map_or(String::new(), |count| format!("{:.1}", ns / count));
        table.row([benchmark.full_id, format!("{ns:.1}"), format!("[{lower_bound:.1}, {upper_bound:.1}]"), each]);
    }
    section.table(table);
    Ok(section)
}

/// The directories with new results below `directory`, in the order of their names.
fn results_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("Cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.join("benchmark.json").exists() && path.ends_with("new") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(results_below(&path)?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_found_where_criterion_puts_them() {
        let directory = tempfile::tempdir().unwrap();
        for place in ["queue/pop 32/new", "queue/pop 1/new", "queue/pop 1/base", "queue/report"] {
            let place = directory.path().join(place);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("benchmark.json"), "{}").unwrap();
        }
        let found = results_below(directory.path()).unwrap();
        assert_eq!(found, ["queue/pop 1/new", "queue/pop 32/new"].map(|place| directory.path().join(place)));
    }

    #[test]
    fn what_criterion_writes_is_understood() {
        let text = r#"{"group_id":"queue","full_id":"queue/pop 32","throughput":{"Elements":32},"title":"x"}"#;
        let benchmark: Benchmark = serde_json::from_str(text).unwrap();
        assert_eq!(benchmark.full_id, "queue/pop 32");
        assert_eq!(benchmark.throughput.and_then(|throughput| throughput.elements), Some(32.0));
        let plain: Benchmark = serde_json::from_str(r#"{"full_id":"dispatch/port read","throughput":null}"#).unwrap();
        assert!(plain.throughput.is_none());
    }
}
