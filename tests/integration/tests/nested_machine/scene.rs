//! One Linux guest in L1: how its machine is made, what it does, and what it printed.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use integration::images::{Images, Kernel};
use integration::nested::{Board, Medium, check_complaints, check_memory, ensure_says};
use integration::paths;

const INIT: &str = include_str!("init.sh");

/// For a whole L1; one guest takes some seconds, on a loaded machine many times that.
pub const LIMIT: Duration = Duration::from_secs(1500);

/// What the guest gets by TCP, in MiB.
const FILE_MIB: u32 = 8;

/// What the guest finds in its SMBIOS tables.
const UUID: &str = "5d307ca9-b3ef-428c-8861-06e72d69f223";

/// How a kernel is given to the machine.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    BzImage,
    Pvh,
    Linux64,
}

/// A machine and what its guest does.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub board: Board,
    pub entry: Entry,
    /// The launcher's `--cpus`.
    pub cpus: &'static str,
    pub mib: u32,
    /// Steps of `init.sh`, separated by commas.
    pub steps: &'static str,
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { board, entry, cpus, mib, steps } = self;
        write!(f, "{board} {entry:?} cpus={cpus} {mib} MiB {steps}")
    }
}

impl Scene {
    /// The shell's lines that run it, between `begin NAME` and `end NAME STATUS`.
    fn script(self) -> String {
        let Self { board, entry, cpus, mib, steps } = self;
        let (kernel, entry) = match entry {
            Entry::BzImage => ("bzimage", "auto"),
            Entry::Pvh => ("vmlinux", "pvh"),
            Entry::Linux64 => ("vmlinux", "linux64"),
        };
        let config =
            format!(r#"{{"version": 1, "vm": {{"version": 1, "payload": {{"kind": "kernel", "entry": "{entry}"}}}}}}"#);
        let (up, down, net) = match self.does("network") {
            true => ("network_up /tmp/file || exit\n", "network_down\n", "--net tap=tap0"),
            false => ("", "", ""),
        };
        // The shell ignores signals in what it starts in the background: the launcher stands in the foreground.
        let press = match self.does("button") {
            true => "(while ! grep -q 'button ready' /tmp/log; do sleep 0.5; done; kill -INT $(pidof launcher)) &\n",
            false => "",
        };
        let cmdline = board.cmdline();
        format!(
            "cp /media/disk /tmp/disk\necho '{config}' >/tmp/config\n: >/tmp/log\n{up}{press}echo 'begin {self}'\n\
             timeout 600 launcher run --config /tmp/config --board {board} --kernel /media/{kernel} \
             --initrd /media/initramfs --cmdline '{cmdline} quiet steps={steps}' --cpus {cpus} --memory {mib}Mi \
             --smbios uuid={UUID},serial=0042 --disk path=/tmp/disk {net} --boot-report text >/tmp/log 2>&1\n\
             status=$?\ncat /tmp/log\necho \"end {self} $status\"\n{down}"
        )
    }

    fn does(self, step: &str) -> bool {
        self.steps.split(',').any(|own| own == step)
    }

    /// Checks what it printed, and returns it.
    fn check(self, text: &str) -> Result<&str> {
        let printed = || -> Option<&str> {
            let (_, text) = text.split_once(&format!("begin {self}\n"))?;
            Some(text.split_once("begin ").map_or(text, |(own, _)| own))
        };
        let printed = printed().with_context(|| format!("{self} was not run:\n{text}"))?;
        let check = || -> Result<()> {
            ensure_says(printed, &format!("end {self} 0"))?;
            ensure_says(printed, &format!("guest done cpus={}", self.cpus.split(',').next().unwrap_or_default()))?;
            if self.does("memory") {
                check_memory(printed, self.mib, 90)?;
            }
            if self.does("identity") {
                ensure_says(printed, &format!("guest is {UUID} 0042"))?;
            }
            if self.does("network") {
                ensure_says(printed, "check: good ping: ")?;
                ensure_says(
                    printed,
                    &format!("check: good TCP: {FILE_MIB} MiB to the host and {FILE_MIB} MiB from it"),
                )?;
            }
            if self.does("button") {
                // EV_KEY, KEY_POWER.
                ensure_says(printed, "button      1   116")?;
            }
            check_complaints(printed)
        };
        check().with_context(|| format!("{self} printed:\n{printed}"))?;
        Ok(printed)
    }
}

/// Runs `scenes` one after the other in one L1 and checks each; returns what each printed. All of it is left in
/// `target/NAME-KERNEL.log`, with the boot timelines, for whoever wants to see them.
pub fn run(name: &str, kernel: Kernel, scenes: &[Scene]) -> Vec<String> {
    let images = Images::ensure().unwrap();
    let medium = Medium::new(&images, kernel, INIT, &[]).unwrap();
    let file = format!("dd if=/dev/urandom of=/tmp/file bs=1M count={FILE_MIB} 2>/dev/null\n");
    let script: String = std::iter::once(file).chain(scenes.iter().map(|scene| scene.script())).collect();
    let text = medium.run(&images, &paths::launcher(), &script, LIMIT).unwrap();
    fs::write(paths::target().join(format!("{name}-{kernel}.log")), &text).unwrap();
    scenes.iter().map(|scene| scene.check(&text).unwrap().to_owned()).collect()
}
