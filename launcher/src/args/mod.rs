//! The command line; a flag with parts of its own has a file of its own.

pub(crate) mod balloon;
pub(crate) mod cpus;
pub(crate) mod disk;
pub(crate) mod io_threads;
pub(crate) mod memory;
pub(crate) mod memory_size;
pub(crate) mod net;
pub(crate) mod pin;
pub(crate) mod port;
pub(crate) mod rng;
pub(crate) mod vsock;

use crate::console::ConsoleArg;
use crate::firmware::{FirmwareArg, SmbiosArg, TextFileArg};
use crate::help;
use crate::manifest::ManifestCommand;
use crate::report::ReportFormat;
use crate::shutdown::Grace;
use balloon::BalloonArg;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cpus::CpusArg;
use disk::DiskArg;
use io_threads::IoThreadsArg;
use memory::MemoryArg;
use net::NetArg;
use pin::PinArg;
use port::PortArg;
use rng::RngArg;
use std::ffi::OsString;
use std::path::PathBuf;
use vmm::{OnReboot, OnTripleFault};
use vsock::VsockArg;

/// Runs one virtual machine.
#[derive(Debug, Parser)]
#[command(name = "launcher", version, arg_required_else_help = false, long_about = help::LAUNCHER, after_long_help = help::LAUNCHER_AFTER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a virtual machine until it ends.
    #[command(long_about = help::RUN, after_long_help = help::RUN_AFTER)]
    Run(Box<RunArgs>),

    /// Say what this host offers to machines, and what follows from what it lacks.
    #[command(long_about = help::DOCTOR, after_long_help = help::DOCTOR_AFTER)]
    Doctor(DoctorArgs),

    #[command(flatten)]
    Manifest(ManifestCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print a JSON object instead of lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Every flag overrides what the configuration file says.
#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Read the machine from this JSON file; the other flags override it.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) config: Option<PathBuf>,

    /// The kernel: an ELF vmlinux or a bzImage.
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,

    /// The initial RAM disk, given to the kernel as it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) initrd: Option<PathBuf>,

    /// The kernel's command line, for example "console=ttyS0 root=/dev/vda1".
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) cmdline: Option<String>,

    /// Start the machine by firmware instead of a kernel: uefi or bios.
    #[arg(long, value_name = "uefi[:CODE[,VARS]]|bios[:FILE]", long_help = help::FIRMWARE, conflicts_with_all = ["kernel", "initrd", "cmdline"])]
    pub(crate) firmware: Option<FirmwareArg>,

    /// Log what the firmware writes to its debug console; it starts more slowly then.
    #[arg(long)]
    pub(crate) firmware_log: bool,

    /// Give the firmware, and what it starts, a text (fw_cfg); may be given several times.
    #[arg(long, value_name = "opt/NAME=TEXT", long_help = help::FW_CFG)]
    pub(crate) fw_cfg: Vec<TextFileArg>,

    /// What the machine calls itself in its SMBIOS tables.
    #[arg(long, value_name = "uuid=UUID[,serial=TEXT]..", long_help = help::SMBIOS)]
    pub(crate) smbios: Option<SmbiosArg>,

    /// How many vCPUs, and how the guest sees them arranged.
    #[arg(long, value_name = "N[,sockets=S][,cores=C][,threads=T][,max=M]", long_help = help::CPUS)]
    pub(crate) cpus: Option<CpusArg>,

    /// Keep a vCPU, or all other threads, on CPUs of the host; may be given several times.
    #[arg(long, value_name = "VCPU|others=CPUS", long_help = help::PIN)]
    pub(crate) pin: Vec<PinArg>,

    /// Guest RAM: bytes, or a number with Ki, Mi, Gi, Ti (1024) or k, M, G, T (1000).
    #[arg(long, value_name = "SIZE[,hugepages=2Mi|1Gi][,shared][,thp=auto|on|off]", long_help = help::MEMORY)]
    pub(crate) memory: Option<MemoryArg>,

    /// The board: what the guest finds besides CPUs and RAM [default: q35].
    #[arg(long, value_enum)]
    pub(crate) board: Option<Board>,

    /// Add a virtio disk; may be given several times.
    #[arg(long = "disk", value_name = "path=FILE[,readonly][,serial=TEXT][,OPTION..]", long_help = help::DISK)]
    pub(crate) disks: Vec<DiskArg>,

    /// Add a virtio network device; may be given several times.
    #[arg(long = "net", value_name = "tap=NAME|fd=N[:N...][,queues=N][,mac=MAC][,mtu=BYTES][,bootindex=N][,rom=FILE|off]", long_help = help::NET)]
    pub(crate) nets: Vec<NetArg>,

    /// Add a virtio socket device, by which host and guest talk without a network.
    #[arg(long, value_name = "cid=N,path=SOCKET", long_help = help::VSOCK)]
    pub(crate) vsock: Option<VsockArg>,

    /// Add a virtio console (Linux: hvc0), and what it is connected to: stdio, pty, socket=PATH or off.
    #[arg(long, value_name = "stdio|pty|socket=PATH|off", long_help = help::VIRTIO_CONSOLE)]
    pub(crate) virtio_console: Option<ConsoleArg>,

    /// Add a named port to the virtio console; may be given several times.
    #[arg(long = "port", value_name = "name=NAME,socket=PATH", long_help = help::PORT)]
    pub(crate) ports: Vec<PortArg>,

    /// Add a virtio balloon, by which memory of the guest goes back to the host.
    #[arg(long, value_name = "on|[size=SIZE][,stats=SECONDS]", long_help = help::BALLOON)]
    pub(crate) balloon: Option<BalloonArg>,

    /// Limit what the guest gets of the entropy device.
    #[arg(long, value_name = "bytes=N[,burst=N]", long_help = help::RNG)]
    pub(crate) rng: Option<RngArg>,
    /// Which threads serve disks and networks: one for each (auto), one for all (shared), or a pool [default: auto].
    #[arg(long, value_name = "auto|shared|pool:N")]
    pub(crate) io_threads: Option<IoThreadsArg>,

    /// What the first serial port is connected to: stdio, pty, socket=PATH or off.
    #[arg(long, value_name = "stdio|pty|socket=PATH|off", long_help = help::CONSOLE)]
    pub(crate) console: Option<ConsoleArg>,

    /// What a reboot of the guest does [default: restart].
    #[arg(long, value_enum, value_name = "CHOICE", long_help = help::ON_REBOOT)]
    pub(crate) on_reboot: Option<RebootArg>,

    /// What a triple fault of the guest does [default: exit; with firmware: reset].
    #[arg(long, value_enum, value_name = "CHOICE", long_help = help::ON_TRIPLE_FAULT)]
    pub(crate) on_triple_fault: Option<TripleFaultArg>,

    /// How long the guest has to power off when the machine is to end [default: 30].
    #[arg(long, value_name = "SECONDS", long_help = help::GRACE)]
    pub(crate) grace: Option<Grace>,

    /// When the machine has ended, print the times of its start to standard error.
    #[arg(long, value_enum, value_name = "FORM", long_help = help::BOOT_REPORT)]
    pub(crate) boot_report: Option<ReportFormat>,
}

/// The boards there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Board {
    /// PCI Express with virtio-pci devices, an ICH9, full ACPI.
    Q35,
    /// virtio-mmio devices, a serial port, a clock: the fastest start.
    Microvm,
}

/// The command line's form of [`OnReboot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RebootArg {
    /// The machine starts again with the same disks and console.
    Restart,
    /// The machine ends, as after a power-off.
    Exit,
}

/// The command line's form of [`OnTripleFault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TripleFaultArg {
    /// The machine ends and counts as crashed.
    Exit,
    /// It counts as a reboot, and --on-reboot decides.
    Reset,
}

impl From<RebootArg> for OnReboot {
    fn from(arg: RebootArg) -> Self {
        match arg {
            RebootArg::Restart => Self::Restart,
            RebootArg::Exit => Self::Exit,
        }
    }
}

impl From<TripleFaultArg> for OnTripleFault {
    fn from(arg: TripleFaultArg) -> Self {
        match arg {
            TripleFaultArg::Exit => Self::Exit,
            TripleFaultArg::Reset => Self::Reset,
        }
    }
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// It is not understood, or it asks for help or for the version (both are errors of clap's own kind).
    pub(crate) fn read<I: IntoIterator<Item: Into<OsString> + Clone>>(arguments: I) -> Result<Self, clap::Error> {
        Self::try_parse_from(arguments)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::run_config::RunConfig;
    use clap::CommandFactory;
    use std::time::Duration;

    fn run(arguments: &[&str]) -> RunArgs {
        match Cli::read([&["launcher", "run"], arguments].concat()).unwrap().command {
            Command::Run(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_manual_is_read() {
        let args = run(&[
            "--config=c.json",
            "--kernel",
            "k",
            "--initrd",
            "i",
            "--cmdline",
            "-- console=ttyS0",
            "--cpus",
            "2,sockets=1,cores=2,threads=1,max=2",
            "--pin",
            "0=0",
            "--pin",
            "others=0-1",
            "--memory",
            "512Mi",
            "--board",
            "microvm",
            "--disk",
            "path=a,readonly",
            "--disk",
            "path=b,serial=s",
            "--net",
            "tap=tap0,mac=02:00:00:00:00:01",
            "--net",
            "fd=5,mtu=1400",
            "--vsock",
            "cid=3,path=/run/v",
            "--virtio-console",
            "pty",
            "--port",
            "name=a,socket=/run/a",
            "--port",
            "name=b,socket=/run/b",
            "--balloon",
            "size=64Mi",
            "--rng",
            "bytes=1000",
            "--console",
            "socket=/run/c",
            "--on-reboot",
            "exit",
            "--on-triple-fault",
            "reset",
            "--grace",
            "90",
            "--boot-report",
            "json",
        ]);
        assert_eq!(args.config.unwrap(), PathBuf::from("c.json"));
        assert_eq!(args.cmdline.unwrap(), "-- console=ttyS0");
        assert_eq!(args.memory, Some("512Mi".parse().unwrap()));
        assert_eq!(args.pin.len(), 2);
        assert_eq!((args.disks.len(), args.nets.len()), (2, 2));
        assert_eq!(args.vsock.map(|vsock| vsock.cid), Some(3));
        assert_eq!((args.virtio_console, args.ports.len()), (Some(ConsoleArg::Pty), 2));
        assert_eq!((args.balloon.map(|balloon| balloon.size), args.rng.is_some()), (Some(64 << 20), true));
        assert_eq!(args.console, Some(ConsoleArg::Socket("/run/c".into())));
        assert_eq!(args.on_reboot.map(OnReboot::from), Some(OnReboot::Exit));
        assert_eq!(args.on_triple_fault.map(OnTripleFault::from), Some(OnTripleFault::Reset));
        assert_eq!(args.grace, Some(Grace(Duration::from_secs(90))));
        assert_eq!(args.boot_report, Some(ReportFormat::Json));
    }

    #[test]
    fn the_doctor_speaks_json_when_asked() {
        for (arguments, expected) in [(&["launcher", "doctor"][..], false), (&["launcher", "doctor", "--json"], true)] {
            let Command::Doctor(args) = Cli::read(arguments).unwrap().command else { panic!("{arguments:?}") };
            assert_eq!(args.json, expected);
        }
    }

    #[test]
    fn the_configuration_file_of_the_help_is_one() {
        let (_, rest) = help::RUN_AFTER.split_once("A configuration file:\n").unwrap();
        let (json, _) = rest.split_once("\n\n").unwrap();
        let config: RunConfig = serde_json::from_str(json).unwrap();
        config.vm.validate().unwrap();
    }

    #[test]
    fn the_examples_of_the_help_are_accepted() {
        let mut found = 0;
        let texts = [help::RUN_AFTER, help::DOCTOR_AFTER, help::VALIDATE_AFTER, help::DEFAULTS_AFTER]
            .concat()
            .replace("\\\n", " ");
        for line in texts.lines().filter_map(|line| line.trim().strip_prefix("launcher ")) {
            let command = line.split('|').next().unwrap().replace('\'', "");
            Cli::read(std::iter::once("launcher").chain(command.split_whitespace())).unwrap();
            found += 1;
        }
        assert!(found >= 12, "{found}");
    }
}
