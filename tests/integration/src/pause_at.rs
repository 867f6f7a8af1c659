//! Runs a guest, and pauses and resumes it when its console says a certain thing: a launcher without a terminal, for
//! tests of what must survive a pause.

use std::fs::File;
use std::io::{PipeWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use vmm::{
    BoardConfig, CpusConfig, DiskConfig, INITRD, KERNEL, KernelEntry, PayloadConfig, Resource, Resources, StopReason,
    VmConfig, VmHandle,
};

use crate::conversation;

/// Runs a guest; when a line of its console contains TEXT, pauses and resumes it, and types a line.
#[derive(Debug, Parser)]
pub struct Options {
    /// The kernel.
    #[arg(long)]
    kernel: PathBuf,
    /// The initial RAM disk.
    #[arg(long)]
    initrd: PathBuf,
    /// A disk.
    #[arg(long)]
    disk: PathBuf,
    /// The kernel's command line.
    #[arg(long, allow_hyphen_values = true)]
    cmdline: String,
    /// How many vCPUs.
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// What the console's line contains.
    #[arg(long, value_name = "TEXT")]
    at: String,
}

/// How often the guest is paused.
const PAUSES: usize = 5;

/// Runs the guest until it switches itself off.
///
/// # Errors
/// It does not start, never says the text, or ends in another way.
pub fn run(options: &Options) -> Result<()> {
    let mut resources = Resources::new();
    let file = |path: &PathBuf, write| {
        let file = File::options().read(true).write(write).open(path);
        file.map(Resource::File).with_context(|| format!("Cannot open {}", path.display()))
    };
    resources.insert(KERNEL, file(&options.kernel, false)?)?;
    resources.insert(INITRD, file(&options.initrd, false)?)?;
    resources.insert("disk0", file(&options.disk, true)?)?;
    let at = |line: &str| line.contains(&options.at).then_some(());
    conversation::run(config(options), resources, at, drive)
}

/// Waits for the end, which may not come before the guest was paused.
fn drive(vm: &VmHandle, said: &Receiver<()>, mut input: PipeWriter) -> Result<StopReason> {
    let mut paused = false;
    loop {
        if let Some(reason) = vm.wait(Some(Duration::from_millis(20))) {
            ensure!(paused, "The machine ended by {reason:?} before it could be paused");
            return Ok(reason);
        }
        if said.try_recv().is_ok() {
            for _ in 0..PAUSES {
                vm.pause().context("Cannot pause the machine")?;
                vm.resume().context("Cannot resume the machine")?;
            }
            input.write_all(b"go\n").context("Cannot type on the console")?;
            paused = true;
        }
    }
}

fn config(options: &Options) -> VmConfig {
    let mut config = VmConfig { board: BoardConfig::Microvm { acpi: true }, ..VmConfig::default() };
    let (cmdline, entry) = (options.cmdline.clone(), KernelEntry::default());
    config.payload = PayloadConfig::Kernel { cmdline, initrd: true, entry };
    config.cpus = CpusConfig { boot: options.cpus, ..CpusConfig::default() };
    config.memory.boot = 512 << 20;
    config.disks = vec![DiskConfig::new("disk0")];
    config
}
