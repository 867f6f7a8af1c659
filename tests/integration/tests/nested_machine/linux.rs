//! Unmodified Linux kernels of Debian boot in our machine, which runs in an emulated one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::images::{Images, Kernel};
use integration::nested::{CMDLINE, Medium, check_complaints, compile};
use integration::paths;
use tempfile::TempDir;

/// For a whole L1; one guest takes some seconds, on a loaded machine many times that.
const LIMIT: Duration = Duration::from_secs(900);

/// The first boot leaves a file and its checksum on the disk; the second, after a reset, checks it and tells what it has.
const INIT: &str = r#"#!/bin/sh
export PATH=/bin
dmesg >/tmp/log
grep -E 'ACPI Error|ACPI BIOS|Firmware Bug' /tmp/log
if [ -e /data ]; then
  sha256sum -c /data.sum || exit 1
  echo "guest cpus=$(nproc) mib=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)"
  sync
  poweroff -f
fi
dd if=/dev/urandom of=/data bs=1M count=4 2>/dev/null
sha256sum /data >/data.sum
sync
echo "guest restarts"
reboot -f
"#;

/// How a kernel is given to the machine.
#[derive(Clone, Copy, Debug)]
enum Entry {
    BzImage,
    Pvh,
    Linux64,
}

/// One machine.
#[derive(Clone, Copy, Debug)]
struct Case {
    entry: Entry,
    cpus: u32,
    mib: u32,
}

/// More than fits below 4 GiB. The guest does not touch it all.
const LARGE: u32 = 5 * 1024;
const SMALL: u32 = 512;

/// Each entry with one CPU and with two, and memory above 4 GiB by either form of boot information.
const CASES: [Case; 6] = [
    Case { entry: Entry::BzImage, cpus: 1, mib: SMALL },
    Case { entry: Entry::BzImage, cpus: 2, mib: LARGE },
    Case { entry: Entry::Pvh, cpus: 1, mib: SMALL },
    Case { entry: Entry::Pvh, cpus: 2, mib: LARGE },
    Case { entry: Entry::Linux64, cpus: 1, mib: LARGE },
    Case { entry: Entry::Linux64, cpus: 2, mib: SMALL },
];

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, cpus, mib } = self;
        write!(f, "{entry:?}-{cpus}-cpus-{mib}-MiB")
    }
}

impl Case {
    /// The shell's lines that run it, between `begin NAME` and `end NAME STATUS`.
    fn script(self) -> String {
        let (kernel, entry) = match self.entry {
            Entry::BzImage => ("bzimage", "auto"),
            Entry::Pvh => ("vmlinux", "pvh"),
            Entry::Linux64 => ("vmlinux", "linux64"),
        };
        let config =
            format!(r#"{{"version": 1, "vm": {{"version": 1, "payload": {{"kind": "kernel", "entry": "{entry}"}}}}}}"#);
        let Self { cpus, mib, .. } = self;
        format!(
            "cp /media/disk /tmp/disk\necho '{config}' >/tmp/config\necho begin {self}\n\
             timeout 200 launcher run --config /tmp/config --kernel /media/{kernel} --initrd /media/initramfs \
             --cmdline '{CMDLINE}' --cpus {cpus} --memory {mib}Mi --disk path=/tmp/disk --boot-report text\n\
             echo end {self} $?\n"
        )
    }

    /// Checks what was printed between the two lines.
    fn check(self, text: &str) -> Result<()> {
        let printed = || -> Option<&str> {
            let (_, text) = text.split_once(&format!("begin {self}\n"))?;
            Some(text.split_once("begin ").map_or(text, |(own, _)| own))
        };
        let printed = printed().with_context(|| format!("{self} was not run:\n{text}"))?;
        let says = |what: &str| ensure_says(printed, what).with_context(|| format!("{self} printed:\n{printed}"));
        says("guest restarts")?;
        says("/data: OK")?;
        says(&format!("guest cpus={} mib=", self.cpus))?;
        says(&format!("end {self} 0"))?;
        let mib = printed.split_once(" mib=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<u32>().ok());
        let mib = mib.context("The guest told no size of its memory")?;
        // The kernel keeps its image and its tables of pages for itself.
        ensure!((self.mib * 9 / 10..=self.mib).contains(&mib), "{self} sees {mib} MiB");
        check_complaints(printed).with_context(|| self.to_string())
    }
}

fn ensure_says(text: &str, what: &str) -> Result<()> {
    ensure!(text.contains(what), "It does not say {what:?}");
    Ok(())
}

fn boots(kernel: Kernel) {
    let images = Images::ensure().unwrap();
    let medium = Medium::new(&images, kernel, INIT, &[]).unwrap();
    let script: String = CASES.iter().map(|case| case.script()).collect();
    let text = medium.run(&images, &launcher(), &script, LIMIT).unwrap();
    // With the boot timelines, for whoever wants to see them.
    fs::write(paths::target().join(format!("linux-{kernel}.log")), &text).unwrap();
    for case in CASES {
        case.check(&text).unwrap();
    }
}

/// The launcher that the runner has built.
fn launcher() -> PathBuf {
    PathBuf::from(std::env::var_os("PODVISOR_LAUNCHER").expect("PODVISOR_LAUNCHER: tests are run by `make test`"))
}

#[test]
fn bookworm_boots_by_every_entry_reaches_its_disk_and_finds_it_whole_after_a_reset() {
    boots(Kernel::Bookworm);
}

#[test]
fn sid_boots_by_every_entry_reaches_its_disk_and_finds_it_whole_after_a_reset() {
    boots(Kernel::Sid);
}

const AVX_INIT: &str = "#!/bin/sh\nexport PATH=/bin\navx\nsync\npoweroff -f\n";

fn keeps_avx(kernel: Kernel) {
    let images = Images::ensure().unwrap();
    let programs = TempDir::new().unwrap();
    let avx = compile("avx.c", programs.path()).unwrap();
    let medium = Medium::new(&images, kernel, AVX_INIT, &[("avx", &avx)]).unwrap();
    let script = format!(
        "cp /media/disk /tmp/disk\n\
         timeout 200 pause-at --kernel /media/bzimage --initrd /media/initramfs --disk /tmp/disk --cmdline '{CMDLINE}' \
         --cpus 2 --at 'avx: waiting'\n"
    );
    let text = medium.run(&images, Path::new(env!("CARGO_BIN_EXE_pause-at")), &script, LIMIT).unwrap();
    ensure_says(&text, "avx: kept on 2 CPUs").with_context(|| text.clone()).unwrap();
    check_complaints(&text).unwrap();
}

#[test]
fn bookworm_keeps_the_avx_registers_of_two_cpus_across_a_pause() {
    keeps_avx(Kernel::Bookworm);
}

#[test]
fn sid_keeps_the_avx_registers_of_two_cpus_across_a_pause() {
    keeps_avx(Kernel::Sid);
}
