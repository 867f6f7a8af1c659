//! Linux guests in L1: a medium with kernels, initramfs and disk, and what the guests said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::guest::{GuestDisk, guest_initramfs};
use super::l1::L1;
use super::{GUEST_NETWORK, HOST_NETWORK};
use crate::images::{Images, Kernel};

/// Everything that guests of one kernel boot from, as one disk of L1 that is mounted at `/media`: `bzimage`, `vmlinux`,
/// `initramfs`, `programs` and `disk`, an image that has the programs too, and whose `/sbin/init` is the test's.
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
        guest_initramfs(images, &kernel, &[], &contents.join("initramfs"))?;
        let disk = GuestDisk::new(images, init)?;
        for (name, program) in programs {
            let bytes = fs::read(program).with_context(|| format!("Cannot read {}", program.display()))?;
            disk.add_program(&format!("bin/{name}"), &bytes)?;
            fs::create_dir_all(contents.join("programs")).context("Cannot make a directory for a medium")?;
            fs::copy(program, contents.join("programs").join(name)).context("Cannot copy a program")?;
        }
        for (root, name) in images.inspection_roots().iter().zip(["lspci", "lscpu", "ethtool"]) {
            disk.add_tool(root, name)?;
        }
        disk.add_program("lib/network", GUEST_NETWORK.as_bytes())?;
        disk.write_image(&contents.join("disk"), 48)?;
        let medium = Self { directory };
        super::guest::make_ext4(&contents, &medium.image(), 224)?;
        Ok(medium)
    }

    /// The disk image with all of it: a filesystem.
    pub fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    /// An L1 with `program` at `/bin` and this medium at `/media`, whose script goes on with `script`, with the functions of
    /// `host-network.sh`; returns what it
    /// printed.
    ///
    /// # Errors
    /// L1 was lost, or the script failed.
    pub fn run(&self, images: &Images, program: &Path, script: &str, limit: Duration) -> Result<String> {
        let name = program.file_name().context("A program has a name")?.to_string_lossy();
        L1::new(images)?
            .module("crc32c_generic")
            .module("ext4")
            .module("tun")
            .program(program, &format!("/bin/{name}"))
            .disk(&self.image())
            .run(&format!("BUSYBOX=/bin/busybox\n{HOST_NETWORK}\nmkdir /media && mount -o ro /dev/vda /media || exit 1\n{script}"), limit)?
            .success()
    }
}
