//! The emulated machine's command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::l1::Disk;
use crate::images::{Images, KernelImage};

/// What saves time: no workarounds for CPU bugs, no self-tests, no checks of clocks against each other.
///
/// And a tick that never stops (`nohz=off highres=off`): QEMU changes a CPU's pending interrupts in VMRUN and VMEXIT
/// without a lock, so that one which a device raises meanwhile can be lost until the next is raised. With a tick that
/// is 4 ms; with timers that are set anew each time by their own interrupt it may be for ever.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 panic=-1 loglevel=4 mitigations=off cryptomgr.notests tsc=reliable \
                                no_timer_check nowatchdog apparmor=0 audit=0 random.trust_cpu=on nohz=off highres=off";

/// The files through which a machine is started and talks.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) initramfs: PathBuf,
    pub(super) kernel_log: PathBuf,
    pub(super) output: PathBuf,
    pub(super) status: PathBuf,
    /// What QEMU itself complains of.
    pub(super) errors: PathBuf,
    /// The command talks on QEMU's standard input and output, and `output` stays empty.
    pub(super) live: bool,
}

impl Channels {
    /// Channels in `directory`.
    pub(super) fn below(directory: &Path) -> Self {
        let at = |name| directory.join(name);
        Self {
            initramfs: at("initramfs"),
            kernel_log: at("kernel.log"),
            output: at("output"),
            status: at("status"),
            errors: at("qemu.err"),
            live: false,
        }
    }

    /// The command talks on QEMU's standard input and output.
    pub(super) fn live(self) -> Self {
        Self { live: true, ..self }
    }
}

/// The command that runs the machine, with raw disk images. `mend` is the compiled
/// `cpu_interrupt.c`.
pub(super) fn command(
    images: &Images,
    kernel: &KernelImage,
    channels: &Channels,
    mend: &Path,
    memory_mib: u32,
    disks: &[Disk],
    tsc_khz: u64,
) -> Command {
    let root = images.qemu_root();
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    // QEMU is of another release than the machine: it comes with its own loader and libraries. It dies with the test.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(libraries.join("ld-linux-x86-64.so.2"));
    command
        .arg("--preload")
        .arg(mend)
        .arg("--library-path")
        .arg(&libraries)
        .arg(root.join("usr/bin/qemu-system-x86_64"));
    command.arg("-L").arg(root.join("usr/share/qemu")).arg("-L").arg(root.join("usr/share/seabios"));
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "pc"]);
    command.args(["-accel", "tcg,thread=multi", "-cpu", "EPYC,+svm,+npt", "-smp", "1"]);
    command.arg("-m").arg(memory_mib.to_string());
    command.arg("-kernel").arg(&kernel.bzimage).arg("-initrd").arg(&channels.initramfs);
    command.arg("-append").arg(format!("{KERNEL_ARGUMENTS} tsc_early_khz={tsc_khz}"));
    let file = |id: &str, path: &Path| format!("file,id={id},path={}", quoted(path));
    command.arg("-chardev").arg(file("log", &channels.kernel_log)).args(["-serial", "chardev:log"]);
    // A virtio port is a hundred times as fast as an emulated UART.
    command.args(["-device", "virtio-serial-pci"]);
    command.arg("-chardev").arg(file("output", &channels.output));
    command.args(["-device", "virtserialport,chardev=output,nr=1,name=output"]);
    command.arg("-chardev").arg(file("status", &channels.status));
    command.args(["-device", "virtserialport,chardev=status,nr=2,name=status"]);
    if channels.live {
        // A terminal in L1: what runs there can make it raw, and keys reach it one by one.
        command.args(["-chardev", "stdio,id=live,signal=off", "-device", "virtconsole,chardev=live,nr=0"]);
    }
    for disk in disks {
        let access = if disk.readonly { "readonly=on" } else { "cache=writeback" };
        command.arg("-drive").arg(format!("file={},format=raw,if=virtio,{access}", quoted(&disk.image)));
    }
    command
}

/// QEMU splits its options at commas.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
