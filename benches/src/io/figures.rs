//! What a run of one of our programs told: numbers by name, one line of JSON.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Numbers by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub BTreeMap<String, f64>);

impl<const N: usize> From<[(&str, f64); N]> for Figures {
    fn from(figures: [(&str, f64); N]) -> Self {
        Self(figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl Figures {
    /// Prints them on standard output.
    #[allow(clippy::print_stdout)] // what the programs are run for
    pub fn print(&self) {
        println!("{}", serde_json::json!(self.0));
    }

    /// Those that a program has printed.
    ///
    /// # Errors
    /// It has printed something else.
    pub fn parse(text: &str) -> Result<Self> {
        let line = text.lines().last().unwrap_or_default();
        Ok(Self(serde_json::from_str(line).with_context(|| format!("No figures: {text:?}"))?))
    }

    /// One of them.
    ///
    /// # Errors
    /// It was not told.
    pub fn get(&self, name: &str) -> Result<f64> {
        self.0.get(name).copied().with_context(|| format!("{name:?} is not among {:?}", self.0))
    }
}

/// The numbers in a line of the test guest, `ok NAME key=value ...`.
pub fn answers(line: &str) -> Figures {
    let pairs = line.split(' ').filter_map(|word| word.split_once('='));
    Figures(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
}

/// CPU time of each thread of this process in ns, by its name.
///
/// # Errors
/// The host does not tell (CONFIG_SCHED_INFO).
pub fn cpu_by_thread() -> Result<BTreeMap<String, f64>> {
    let mut times = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path();
        let name = fs::read_to_string(path.join("comm"))?.trim_end().to_owned();
        let text = fs::read_to_string(path.join("schedstat")).context("The host does not count CPU time by thread")?;
        *times.entry(name).or_default() +=
            time_on_cpu(&text).with_context(|| format!("Unknown schedstat: {text:?}"))?;
    }
    Ok(times)
}

/// CPU time of this process in ns, with that of threads that have ended.
pub fn process_cpu_ns() -> f64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    tv_sec as f64 * 1e9 + tv_nsec as f64
}

/// The first number of `/proc/PID/schedstat`: ns on a CPU.
fn time_on_cpu(schedstat: &str) -> Option<f64> {
    schedstat.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_s_numbers_are_taken_from_its_line() {
        let told = answers("ok depth requests=8 resets=0 sum=0x1f ns=1500");
        assert_eq!(told, Figures::from([("requests", 8.0), ("resets", 0.0), ("ns", 1500.0)]));
        assert_eq!(told.get("ns").unwrap(), 1500.0);
        assert!(told.get("sum").is_err());
    }

    #[test]
    fn figures_are_the_last_line() {
        assert_eq!(Figures::parse("a warning\n{\"ns\":2.5}\n").unwrap(), Figures::from([("ns", 2.5)]));
        assert!(Figures::parse("").is_err());
    }

    #[test]
    fn a_thread_s_time_grows_while_it_works() {
        assert_eq!(time_on_cpu("275790 2704477 2\n"), Some(275_790.0));
        assert_eq!(time_on_cpu(""), None);
        let before = process_cpu_ns();
        let sum = (0..1_000_000u64).fold(0, |sum: u64, number| std::hint::black_box(sum.wrapping_mul(31) + number));
        assert!(process_cpu_ns() > before, "{sum}");
    }
}
