//! Machines by the library alone: what `vmm` costs without the launcher around it.
//!
//! Usage: `bare-vmm` and one JSON text, a [`Run`]. A line of JSON for each machine on standard error tells the times of its
//! start, as the launcher's `--boot-report json` does.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde::Deserialize;
use vmm::{KERNEL, Resource, Resources, SERIAL, StartSource, Vm, VmConfig, VmHandle};

/// What is run.
#[derive(Debug, Deserialize)]
struct Run {
    machines: Vec<Machine>,
    /// `false`: until the machines end, with their serial ports on standard output. `true`: until standard input ends; the
    /// machines' output is discarded, and a line on standard output says that each has printed something.
    hold: bool,
}

/// One machine.
#[derive(Debug, Deserialize)]
struct Machine {
    config: VmConfig,
    kernel: String,
    /// Files of the disks, in their order.
    disks: Vec<String>,
    /// Inherited descriptors of the networks' TAP interfaces, in their order.
    taps: Vec<RawFd>,
}

fn main() -> Result<()> {
    let text = std::env::args().nth(1).context("Usage: bare-vmm JSON")?;
    let run: Run = serde_json::from_str(&text).context("The machines cannot be read")?;
    let start = std::env::var("PODVISOR_START_NS").context("PODVISOR_START_NS is not set")?.parse()?;
    let hold = run.hold;
    let machines = if hold {
        start_all(run.machines, start)?
    } else {
        run.machines.into_iter().map(|machine| started(machine, start, hold)).collect::<Result<_>>()?
    };
    if hold {
        while machines.iter().any(|machine| machine.boot_timeline().first_console_output_ns.is_none()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        writeln!(std::io::stdout(), "all have started")?;
        std::io::stdin().read_to_end(&mut Vec::new())?;
        machines.iter().try_for_each(VmHandle::stop)?;
    }
    for machine in machines {
        machine.wait(None);
        writeln!(std::io::stderr(), "{}", serde_json::to_string(&machine.boot_timeline())?)?;
    }
    Ok(())
}

/// Threads that start many machines: much of a start is waiting for the host's kernel.
const STARTERS: usize = 16;

/// Machines that run, with their output discarded.
fn start_all(machines: Vec<Machine>, start_ns: u64) -> Result<Vec<VmHandle>> {
    let waiting = Mutex::new(machines.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        let start = || std::iter::from_fn(next).map(|machine| started(machine, start_ns, true)).collect();
        let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
        let started =
            starters.into_iter().map(|starter| starter.join().map_err(|_| anyhow!("A start has panicked"))?);
        Ok(started.collect::<Result<Vec<Vec<VmHandle>>>>()?.concat())
    })
}

/// A machine that runs.
fn started(machine: Machine, start_ns: u64, hold: bool) -> Result<VmHandle> {
    let config = machine.config;
    let mut resources = Resources::new();
    resources.insert(KERNEL, Resource::File(File::open(&machine.kernel)?))?;
    for (disk, path) in config.disks.iter().zip(&machine.disks) {
        let file = File::options().read(true).write(!disk.readonly).open(path)?;
        resources.insert(disk.id.clone(), Resource::File(file))?;
    }
    for (net, tap) in config.nets.iter().zip(&machine.taps) {
        resources.insert(net.id.clone(), Resource::Tap(vec![inherited(*tap)?]))?;
    }
    let output = if hold { None } else { Some(std::io::stdout().as_fd().try_clone_to_owned()?) };
    resources.insert(SERIAL, Resource::Stream { input: None, output })?;
    let vm = Vm::build_since(config, resources, StartSource::Parent, start_ns)?;
    vm.start()?;
    Ok(vm)
}

/// An owner of the descriptor that this process has inherited as `number`.
fn inherited(number: RawFd) -> Result<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, number, PidfdGetfdFlags::empty())?)
}
