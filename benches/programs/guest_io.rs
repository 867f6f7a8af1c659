//! A machine with the test guest, by the library, whose guest does one command on a disk or two networks. At the end one
//! line of JSON tells what the guest said, and what the machine counted meanwhile.
//!
//! The data path is the same as under the launcher, which adds no step to it; here the CPU time of each thread can be read
//! while the machine still stands.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use benches::io::taps::{self, NAMES};
use benches::io::{answers, cpu_by_thread};
use clap::Parser;
use vmm::{
    BoardConfig, CacheMode, DiskConfig, KERNEL, KernelEntry, NetConfig, PayloadConfig, Resource, Resources, SERIAL, Vm,
    VmConfig, VmHandle,
};

/// Runs the test guest with one command, and tells how that went.
#[derive(Parser)]
struct Options {
    /// The test guest.
    #[arg(long)]
    kernel: PathBuf,
    /// Its disk, which it only reads.
    #[arg(long)]
    disk: Option<PathBuf>,
    /// The disk is read past the page cache.
    #[arg(long)]
    direct: bool,
    /// It has a network on each TAP that `two_taps.sh` makes, for frames of so many bytes.
    #[arg(long, value_name = "BYTES")]
    networks: Option<usize>,
    /// The command.
    command: String,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let name = options.command.split('=').next().unwrap_or_default().to_owned();
    let (ours, theirs) = UnixStream::pair()?;
    let (config, mut resources) = machine(&options)?;
    let input = Some(theirs.try_clone()?.into());
    resources.insert(SERIAL, Resource::Stream { input, output: Some(theirs.into()) })?;
    let vm = Vm::build(config, resources)?;
    vm.start()?;
    let mut lines = BufReader::new(ours).lines();
    let mut line = |prefix: &str| -> Result<String> {
        for line in &mut lines {
            let line = line?;
            if line.starts_with(prefix) {
                return Ok(line);
            }
            if ["fail ", "fault ", "panic "].iter().any(|bad| line.starts_with(bad)) {
                bail!("The guest says: {line}");
            }
        }
        bail!("The guest ended without {prefix:?}")
    };
    // Its driver has begun with its devices, and with nothing else.
    line(&format!("{name} ready"))?;
    let (cpu, before) = (cpu_by_thread()?, counted(&vm));
    let answer = line(&format!("ok {name} "))?;
    let (cpu_after, after) = (cpu_by_thread()?, counted(&vm));
    vm.stop()?;

    let mut figures = answers(&answer);
    for (thread, ns) in cpu_after {
        // Those of the kernel that work for a ring are called iou-wrk.
        let name = match thread {
            _ if thread.starts_with("vcpu") => "vCPU",
            _ if thread.starts_with("io") => "worker",
            _ => "other",
        };
        *figures.0.entry(format!("{name} CPU")).or_default() += ns - cpu.get(&thread).copied().unwrap_or(0.0);
    }
    for (name, value) in after {
        figures.0.insert(name.to_owned(), value - before.get(name).copied().unwrap_or(0.0));
    }
    figures.print();
    Ok(())
}

fn machine(options: &Options) -> Result<(VmConfig, Resources)> {
    let mut config = VmConfig { board: BoardConfig::Q35 {}, ..VmConfig::default() };
    let mut resources = Resources::new();
    config.memory.boot = 64 << 20;
    // The guest stands still at the end, so that its machine can be asked.
    let cmdline = format!("{} wait", options.command);
    config.payload = PayloadConfig::Kernel { cmdline, initrd: false, entry: KernelEntry::default() };
    let kernel = File::open(&options.kernel).with_context(|| format!("No {}", options.kernel.display()))?;
    resources.insert(KERNEL, Resource::File(kernel))?;
    if let Some(path) = &options.disk {
        let cache = if options.direct { CacheMode::None } else { CacheMode::WriteBack };
        config.disks.push(DiskConfig { readonly: true, cache, ..DiskConfig::new("disk0") });
        resources.insert("disk0", Resource::File(File::open(path)?))?;
    }
    if let Some(bytes) = options.networks {
        // They are made to carry frames before the guest sends the first.
        drop(taps::open_pair(bytes)?);
        for (number, name) in NAMES.iter().enumerate() {
            let id = format!("net{number}");
            config.nets.push(NetConfig {
                id: id.as_str().into(),
                mac: format!("02:00:00:00:00:{number:02x}").parse()?,
                mtu: None,
                queues: 1,
                link_up: true,
                root_port: false,
                boot_index: None,
                rom: false,
            });
            resources.insert(id.as_str(), Resource::Tap(vmm::open_tap(name, 1)?))?;
        }
    }
    Ok((config, resources))
}

/// What the machine has counted so far. Writes to ports are the guest's serial output.
fn counted(vm: &VmHandle) -> BTreeMap<&'static str, f64> {
    let statistics = vm.statistics();
    let exits: u64 = statistics.exits.iter().map(|exits| exits.total() - exits.port_writes).sum();
    let queues = || statistics.queues.values().flat_map(BTreeMap::values);
    BTreeMap::from([
        ("exits", exits as f64),
        ("notified", queues().map(|queue| queue.notifications).sum::<u64>() as f64),
        ("raised", queues().map(|queue| queue.interrupts).sum::<u64>() as f64),
    ])
}
