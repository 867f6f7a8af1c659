//! Runs a hundred machines at once in this process, and says how long each took to its first output, and what it costs
//! beyond its guest's RAM.
//!
//!     cargo run --release --package vmm --example hundred_vms -- KERNEL [CMDLINE]
//!
//! The guest must write something to its first serial port, and must not end by itself.

#![allow(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource as Limit, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File};
use std::time::{Duration, Instant};
use vmm::{Backing, BoardConfig, KERNEL, PayloadConfig, Resources, Vm, VmConfig, VmHandle, VmState};

const MACHINES: usize = 100;
const RAM: u64 = 64 << 20;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("Name a kernel: hundred_vms KERNEL [CMDLINE]")?;
    let kernel = File::open(&path).with_context(|| format!("Cannot open {path}"))?;
    let cmdline = arguments.next().unwrap_or_else(|| "console=ttyS0".into());
    let files = allow_open_files()?;

    let before = memory_kib()?;
    let begin = Instant::now();
    let mut machines = Vec::with_capacity(MACHINES);
    for number in 1..=MACHINES {
        let machine = start(&kernel, &cmdline).with_context(|| {
            format!("Machine {number} cannot be started; this process may have {files} open files (RLIMIT_NOFILE)")
        })?;
        machines.push(machine);
    }
    let mut times = machines.iter().map(time_to_output).collect::<Result<Vec<_>>>()?;
    let all = begin.elapsed();
    let each = (memory_kib()? - before) / i64::try_from(MACHINES)?;
    let open = fs::read_dir("/proc/self/fd")?.count();
    ensure!(machines.iter().all(|machine| machine.state() == VmState::Running), "A machine has ended by itself");
    let begin = Instant::now();
    machines.iter().try_for_each(VmHandle::stop)?;
    let stop = begin.elapsed();

    times.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{MACHINES} machines spoke after {:.1} ms", milliseconds(all));
    println!("start to first output: median {:.1} ms", milliseconds(times[MACHINES / 2]));
    println!("start to first output: p99 {:.1} ms", milliseconds(times[MACHINES * 99 / 100 - 1]));
    println!("all stopped within {:.1} ms", milliseconds(stop));
    println!("memory beyond guest RAM (PSS): {each} KiB each");
    println!("open files: {open} of {files}");
    Ok(())
}

/// Allows this process as many open files as it may have: a hundred machines have some thousands.
fn allow_open_files() -> Result<String> {
    let Rlimit { maximum, .. } = getrlimit(Limit::Nofile);
    setrlimit(Limit::Nofile, Rlimit { current: maximum, maximum }).context("Cannot raise RLIMIT_NOFILE")?;
    Ok(maximum.map_or_else(|| "unlimited".into(), |maximum| maximum.to_string()))
}

fn start(kernel: &File, cmdline: &str) -> Result<VmHandle> {
    let mut config = VmConfig {
        board: BoardConfig::Microvm { acpi: true },
        payload: PayloadConfig::kernel(cmdline),
        ..VmConfig::default()
    };
    config.memory.boot = RAM;
    // So that this process's list of mappings tells guest RAM from all else.
    config.memory.backing = Backing::Memfd;
    let mut resources = Resources::new();
    resources.insert(KERNEL, kernel.try_clone()?)?;
    let machine = Vm::build(config, resources)?;
    machine.start()?;
    Ok(machine)
}

/// How long the machine took from [`Vm::build`] to the first byte on its serial port, for which this waits.
fn time_to_output(machine: &VmHandle) -> Result<Duration> {
    loop {
        let timeline = machine.boot_timeline();
        if let Some(output) = timeline.first_console_output_ns {
            return Ok(Duration::from_nanos(output - timeline.process_start_ns));
        }
        if let Some(reason) = machine.wait(Some(Duration::from_millis(1))) {
            bail!("A machine ended before it wrote anything: {reason:?}");
        }
    }
}

/// This process's share of the host's memory (PSS) in KiB, without the RAM of its guests.
fn memory_kib() -> Result<i64> {
    let (mut sum, mut guest) = (0, false);
    for line in fs::read_to_string("/proc/self/smaps")?.lines() {
        if let Some(share) = line.strip_prefix("Pss:") {
            let share: i64 = share.trim().trim_end_matches(" kB").parse()?;
            sum += if guest { 0 } else { share };
        } else if line.split(' ').next().is_some_and(|word| !word.ends_with(':')) {
            // A mapping begins: its range, its rights, and what it maps.
            guest = line.contains("/memfd:guest-memory");
        }
    }
    Ok(sum)
}
