//! The emulated machine as tests see it: files and a command in, output and status out.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;

use super::compile::compile_library;
use super::cpio::Archive;
use super::libraries;
use super::modules;
use super::qemu::{self, Channels};
use super::tools;
use super::tsc;
use crate::images::{Images, KernelImage, L1_KERNEL};
use crate::live;

const INIT: &str = include_str!("l1-init.sh");

/// What L1's init says when its kernel could not measure the TSC against the emulated timers, which the host's other
/// work can upset. KVM in it would have no clock; the command was not run, and a new boot measures again.
const NO_TSC: &str = "no TSC";

/// How often L1 is booted for one run.
const ATTEMPTS: u32 = 4;

/// What every L1 loads.
const MODULES: [&str; 4] = ["virtio_pci", "virtio_console", "virtio_blk", "kvm_amd"];

/// What a command in L1 printed (both streams, as they came) and how it ended.
#[derive(Debug)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// What it printed.
    pub text: String,
}

impl Output {
    /// The text, when the command ended well.
    ///
    /// # Errors
    /// It did not; the error shows what it printed.
    pub fn success(self) -> Result<String> {
        ensure!(self.status == 0, "The command in L1 ended with {}:\n{}", self.status, self.text);
        Ok(self.text)
    }
}

/// An emulated machine with `/dev/kvm`, to be run once.
///
/// ```no_run
/// # use std::{path::Path, time::Duration};
/// # use integration::{images::Images, nested::L1};
/// # fn main() -> anyhow::Result<()> {
/// let images = Images::ensure()?;
/// let output = L1::new(&images)?.program(Path::new("target/debug/launcher"), "/bin/launcher").run(
///     "launcher --version",
///     Duration::from_secs(120),
/// )?;
/// assert_eq!(output.status, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct L1<'a> {
    images: &'a Images,
    kernel: KernelImage,
    memory_mib: u32,
    modules: Vec<String>,
    texts: Vec<(String, String)>,
    files: Vec<(PathBuf, String)>,
    programs: Vec<(PathBuf, String)>,
    disks: Vec<Disk>,
}

/// A disk of the emulated machine.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) image: PathBuf,
    pub(super) readonly: bool,
}

impl<'a> L1<'a> {
    /// A machine with 2 GiB of memory, busybox and nothing else.
    ///
    /// # Errors
    /// The images are incomplete.
    pub fn new(images: &'a Images) -> Result<Self> {
        Ok(Self {
            images,
            kernel: images.kernel(L1_KERNEL)?,
            memory_mib: 2048,
            modules: MODULES.map(str::to_owned).to_vec(),
            texts: Vec::new(),
            files: Vec::new(),
            programs: Vec::new(),
            disks: Vec::new(),
        })
    }

    /// Gives it so much memory, in MiB. Files are held in it twice while L1 starts.
    #[must_use]
    pub fn memory_mib(mut self, mib: u32) -> Self {
        self.memory_mib = mib;
        self
    }

    /// Loads a kernel module more, with what it depends on.
    #[must_use]
    pub fn module(mut self, name: &str) -> Self {
        self.modules.push(name.to_owned());
        self
    }

    /// Puts a file with these contents at `path`; it can be run.
    #[must_use]
    pub fn text(mut self, path: &str, contents: &str) -> Self {
        self.texts.push((path.to_owned(), contents.to_owned()));
        self
    }

    /// Puts a copy of a file at `path`.
    #[must_use]
    pub fn file(mut self, source: &Path, path: &str) -> Self {
        self.files.push((source.to_owned(), path.to_owned()));
        self
    }

    /// Puts a program at `path`, with the shared libraries that it needs.
    #[must_use]
    pub fn program(mut self, source: &Path, path: &str) -> Self {
        self.programs.push((source.to_owned(), path.to_owned()));
        self
    }

    /// Puts a program of packages that are unpacked at `root` below `directory`, as `bin/PROGRAM`, with its libraries in
    /// `lib`, and the linker that finds them there, `lib64/ld-linux-x86-64.so.2`.
    ///
    /// # Errors
    /// A file is missing.
    pub fn tool(mut self, root: &Path, program: &str, directory: &str) -> Result<Self> {
        for (source, path) in tools::files(root, program)? {
            self.files.push((source, format!("{directory}/{}", path.trim_start_matches('/'))));
        }
        Ok(self)
    }

    /// Attaches a raw disk image that can only be read: `/dev/vda`, `/dev/vdb` and so on.
    #[must_use]
    pub fn disk(mut self, image: &Path) -> Self {
        self.disks.push(Disk { image: image.to_owned(), readonly: true });
        self
    }

    /// As [`L1::disk`], but what L1 writes is kept as soon as its disk has it, whatever becomes of L1.
    #[must_use]
    pub fn writable_disk(mut self, image: &Path) -> Self {
        self.disks.push(Disk { image: image.to_owned(), readonly: false });
        self
    }

    /// Starts the machine, runs `script` in busybox's shell, and ends the machine.
    ///
    /// # Errors
    /// The machine did not come up, was lost, or had not ended after `limit`; the error shows the end of its log.
    pub fn run(self, script: &str, limit: Duration) -> Result<Output> {
        let directory = TempDir::with_prefix("podvisor-l1-").context("Cannot make a directory for L1")?;
        let channels = Channels::below(directory.path());
        let status = self.run_with(script, &channels, |qemu| {
            let mut machine = Machine(qemu.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
            machine.wait(limit)
        })?;
        Ok(Output { status, text: read(&channels.output) })
    }

    /// As [`L1::run`], but gives each line to `on_line` when it is printed; returns the exit status.
    ///
    /// # Errors
    /// As [`L1::run`].
    pub fn run_live(self, script: &str, limit: Duration, mut on_line: impl FnMut(&str)) -> Result<i32> {
        let directory = TempDir::with_prefix("podvisor-l1-").context("Cannot make a directory for L1")?;
        let channels = Channels::below(directory.path()).live();
        self.run_with(script, &channels, |qemu| {
            let end = live::run(qemu, limit, |line| {
                on_line(line);
                ControlFlow::Continue(())
            })?;
            Ok(matches!(end, live::End::Exited(_)))
        })
    }

    /// As [`L1::run_live`], but when `on_line` breaks off, QEMU is killed at once: what L1 held in its memory is lost, what
    /// it had written to its disks is not. Returns the exit status, or `None` after such a power cut.
    ///
    /// # Errors
    /// As [`L1::run`].
    pub fn run_until_cut(
        self,
        script: &str,
        limit: Duration,
        mut on_line: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Option<i32>> {
        let directory = TempDir::with_prefix("podvisor-l1-").context("Cannot make a directory for L1")?;
        let channels = Channels::below(directory.path()).live();
        let mut cut = false;
        let status = self.run_with(script, &channels, |qemu| {
            let end = live::run(qemu, limit, &mut on_line)?;
            cut = end == live::End::Killed;
            Ok(matches!(end, live::End::Exited(_)))
        });
        if cut { Ok(None) } else { status.map(Some) }
    }

    /// As [`L1::run`], but `script` runs on this process's terminal, for as long as it likes; returns the exit status.
    ///
    /// # Errors
    /// The machine did not come up or was lost.
    pub fn run_on_terminal(self, script: &str) -> Result<i32> {
        let directory = TempDir::with_prefix("podvisor-l1-").context("Cannot make a directory for L1")?;
        let channels = Channels::below(directory.path()).live();
        self.run_with(script, &channels, |qemu| {
            Machine(qemu.spawn()?).0.wait()?;
            Ok(true)
        })
    }

    /// Runs the machine by `run`, which tells whether QEMU ended by itself, until the script was run; returns the
    /// script's exit status.
    fn run_with(
        &self,
        script: &str,
        channels: &Channels,
        mut run: impl FnMut(&mut Command) -> Result<bool>,
    ) -> Result<i32> {
        self.write_initramfs(script, channels)?;
        let directory = channels.initramfs.parent().context("The channels are in no directory")?;
        let mend = compile_library("cpu_interrupt.c", directory)?;
        let mut boot = || -> Result<bool> {
            let errors = fs::File::create(&channels.errors).context("Cannot make a file for QEMU's errors")?;
            let mut qemu =
                qemu::command(self.images, &self.kernel, channels, &mend, self.memory_mib, &self.disks, tsc::khz()?);
            run(qemu.stderr(errors)).context("Cannot run QEMU")
        };
        let mut ended = boot()?;
        for _ in 1..ATTEMPTS {
            if read(&channels.status).trim() == NO_TSC {
                ended = boot()?;
            }
        }
        let status = read(&channels.status);
        match status.trim().strip_prefix("exit ").map(str::parse) {
            Some(Ok(status)) if ended => Ok(status),
            _ => bail!(
                "{}. {}\n--- output:\n{}\n--- kernel:\n{}\n--- QEMU:\n{}",
                if ended { "L1 was lost" } else { "L1 was killed at its time limit" },
                status.trim(),
                tail(&read(&channels.output)),
                tail(&read(&channels.kernel_log)),
                tail(&read(&channels.errors)),
            ),
        }
    }

    fn write_initramfs(&self, script: &str, channels: &Channels) -> Result<()> {
        let mut archive = Archive::create(&channels.initramfs)?;
        for directory in ["dev", "proc", "sys", "tmp", "run", "root", "usr/bin", "etc"] {
            archive.directory(directory)?;
        }
        archive.file("init", 0o755, INIT.as_bytes())?;
        archive.file("l1/command", 0o755, script.as_bytes())?;
        archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
        archive.file("etc/group", 0o644, b"root:x:0:\n")?;
        if channels.live {
            archive.file("l1/live", 0o644, &[])?;
        }
        super::guest::add_busybox(&mut archive, self.images)?;

        let names: Vec<&str> = self.modules.iter().map(String::as_str).collect();
        modules::add(&mut archive, "l1/modules", &self.kernel, &names)?;

        let mut shared = BTreeSet::new();
        for (source, path) in &self.programs {
            archive.copy(source, path)?;
            shared.extend(libraries::of(source)?);
        }
        for library in shared {
            archive.copy(&library, &library.to_string_lossy())?;
        }
        self.files.iter().try_for_each(|(source, path)| archive.copy(source, path))?;
        for (path, contents) in &self.texts {
            archive.file(path, 0o755, contents.as_bytes())?;
        }
        archive.finish().map(drop)
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last lines of a log.
fn tail(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().rev().take(40).collect();
    lines.reverse();
    lines.join("\n")
}

/// A running QEMU that does not outlive its owner.
#[derive(Debug)]
struct Machine(Child);

impl Machine {
    /// Waits for the end, and says whether it came in time.
    fn wait(&mut self, limit: Duration) -> Result<bool> {
        let descriptor = pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty()).context("Cannot watch QEMU")?;
        let limit = Timespec::try_from(limit).context("The time limit is too long")?;
        let mut wait = [PollFd::new(&descriptor, PollFlags::IN)];
        Ok(poll(&mut wait, Some(&limit)).context("Cannot wait for QEMU")? > 0)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
