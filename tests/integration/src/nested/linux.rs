//! Linux guests in L1: a medium with kernels, initramfs and disk, and what the guests said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::guest::{GuestDisk, guest_initramfs};
use super::l1::L1;
use crate::images::{Images, Kernel};

/// A quiet Linux without drivers that look for what is not there. XSAVE stays on: this QEMU emulates it well.
pub const CMDLINE: &str = "console=ttyS0 quiet panic=-1 reboot=k pci=off 8250.nr_uarts=1 mitigations=off tsc=reliable \
                           no_timer_check cryptomgr.notests nowatchdog apparmor=0 audit=0 random.trust_cpu=on";

/// What a kernel that is content with its firmware does not print.
const COMPLAINTS: [&str; 3] = ["ACPI Error", "ACPI BIOS", "Firmware Bug"];

/// Everything that guests of one kernel boot from, as one disk of L1 that is mounted at `/media`: `bzimage`, `vmlinux`,
/// `initramfs` and `disk`, an image whose `/sbin/init` is the test's.
#[derive(Debug)]
pub struct Medium {
    directory: TempDir,
}

impl Medium {
    /// Makes a medium whose disk has `init` and further programs.
    ///
    /// # Errors
    /// The images are incomplete or a program that makes filesystems is missing.
    pub fn new(images: &Images, kernel: Kernel, init: &str, programs: &[(&str, &Path)]) -> Result<Self> {
        let directory = TempDir::with_prefix("podvisor-medium-").context("Cannot make a directory for a medium")?;
        let contents = directory.path().join("contents");
        fs::create_dir(&contents).context("Cannot make a directory for a medium")?;
        let kernel = images.kernel(kernel)?;
        fs::copy(&kernel.bzimage, contents.join("bzimage")).context("Cannot copy the kernel")?;
        fs::copy(&kernel.vmlinux, contents.join("vmlinux")).context("Cannot copy the kernel")?;
        guest_initramfs(images, &kernel, &contents.join("initramfs"))?;
        let disk = GuestDisk::new(images, init)?;
        for (name, program) in programs {
            let bytes = fs::read(program).with_context(|| format!("Cannot read {}", program.display()))?;
            disk.add_program(&format!("bin/{name}"), &bytes)?;
        }
        disk.write_image(&contents.join("disk"), 24)?;
        let medium = Self { directory };
        super::guest::make_ext4(&contents, &medium.image(), 192)?;
        Ok(medium)
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    /// An L1 with `program` at `/bin` and this medium at `/media`, whose script goes on with `script`; returns what it
    /// printed.
    ///
    /// # Errors
    /// L1 was lost, or the script failed.
    pub fn run(&self, images: &Images, program: &Path, script: &str, limit: Duration) -> Result<String> {
        let name = program.file_name().context("A program has a name")?.to_string_lossy();
        L1::new(images)?
            .module("crc32c_generic")
            .module("ext4")
            .program(program, &format!("/bin/{name}"))
            .disk(&self.image())
            .run(&format!("mkdir /media && mount -o ro /dev/vda /media || exit 1\n{script}"), limit)?
            .success()
    }
}

/// Fails when the text holds a complaint of a guest's kernel about its firmware.
///
/// # Errors
/// It does; the error shows the lines.
pub fn check_complaints(text: &str) -> Result<()> {
    let is_complaint = |line: &&str| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
    let complaints: Vec<&str> = text.lines().filter(is_complaint).collect();
    ensure!(complaints.is_empty(), "The guest complains of its firmware:\n{}", complaints.join("\n"));
    Ok(())
}

/// Compiles a C program of `tests/integration/programs` without shared libraries, for guests that have none.
///
/// # Errors
/// There is no C compiler, or it refuses the program.
pub fn compile(source: &str, directory: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(source);
    let program = directory.join(source.file_stem().context("A program has a name")?);
    let output = Command::new("cc")
        .args(["-O1", "-static", "-pthread", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(&source)
        .output()
        .context("Cannot run cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_of_firmware_are_found_wherever_they_stand() {
        assert!(check_complaints("[ 0.1] Linux version 6.1\n[ 0.2] ACPI: RSDP\n").is_ok());
        assert!(check_complaints("[ 0.1] ok\n[ 0.2] ACPI BIOS Error (bug): no table\n").is_err());
        assert!(check_complaints("[ 0.1] [Firmware Bug]: TSC is odd\n").is_err());
    }
}
