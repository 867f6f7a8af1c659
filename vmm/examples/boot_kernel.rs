//! Boots a kernel with its console on this terminal, until it powers off.
//!
//!     cargo run --package vmm --example boot_kernel -- KERNEL [CMDLINE [INITRD]]

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::os::fd::AsFd;
use vmm::{INITRD, KERNEL, KernelEntry, PayloadConfig, Resource, Resources, SERIAL, StopReason, Vm, VmConfig};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let kernel = arguments.next().context("Name a kernel: boot_kernel KERNEL [CMDLINE [INITRD]]")?;
    let cmdline = arguments.next().unwrap_or_else(|| "console=ttyS0".into());
    let initrd = arguments.next();

    // What the guest sees: plain data.
    let config = VmConfig {
        payload: PayloadConfig::Kernel { cmdline, initrd: initrd.is_some(), entry: KernelEntry::Auto },
        ..VmConfig::default()
    };

    // Where it comes from: opened descriptors, by device.
    let mut resources = Resources::new();
    resources.insert(KERNEL, open(&kernel)?)?;
    if let Some(initrd) = initrd {
        resources.insert(INITRD, open(&initrd)?)?;
    }
    let input = Some(std::io::stdin().as_fd().try_clone_to_owned()?);
    let output = Some(std::io::stdout().as_fd().try_clone_to_owned()?);
    resources.insert(SERIAL, Resource::Stream { input, output })?;

    let machine = Vm::build(config, resources)?;
    machine.start()?;
    match machine.wait(None) {
        Some(StopReason::PoweredOff) => Ok(()),
        reason => bail!("The machine has not switched itself off: {reason:?}"),
    }
}

fn open(path: &str) -> Result<File> {
    File::open(path).with_context(|| format!("Cannot open {path}"))
}
