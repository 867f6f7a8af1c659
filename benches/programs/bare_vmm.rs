//! A machine by the library alone: what `vmm` costs without the launcher around it.
//!
//! Usage: `bare-vmm` and one JSON text, a [`Machine`]. The serial port is standard output. At the end one line of JSON on
//! standard error tells the times of the start, as the launcher's `--boot-report json` does.

#![forbid(unsafe_code)]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use anyhow::{Context, Result};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde::Deserialize;
use vmm::{KERNEL, Resource, Resources, SERIAL, StartSource, Vm, VmConfig};

/// What is run.
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
    let machine: Machine = serde_json::from_str(&text).context("The machine cannot be read")?;
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
    let output = std::io::stdout().as_fd().try_clone_to_owned()?;
    resources.insert(SERIAL, Resource::Stream { input: None, output: Some(output) })?;
    let start = std::env::var("PODVISOR_START_NS").context("PODVISOR_START_NS is not set")?;
    let vm = Vm::build_since(config, resources, StartSource::Parent, start.parse()?)?;
    vm.start()?;
    vm.wait(None);
    serde_json::to_writer(std::io::stderr(), &vm.boot_timeline())?;
    Ok(())
}

/// An owner of the descriptor that this process has inherited as `number`.
fn inherited(number: RawFd) -> Result<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, number, PidfdGetfdFlags::empty())?)
}
