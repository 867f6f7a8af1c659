//! What Linux guests boot from: an initramfs that loads modules and moves to the disk, and disks with a filesystem.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::cpio::Archive;
use super::{complaints, modules, tools};
use crate::images::{Images, KernelImage};

const INIT: &str = include_str!("l2-init.sh");
const STEPS: &str = include_str!("guest-steps.sh");

/// Modules of a guest on either board with a disk with ext4, which is checksummed by crc32c, a power button, and
/// variables of UEFI.
const MODULES: [&str; 14] = [
    "crc32c_generic",
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "virtio_console",
    "virtio_balloon",
    "vmw_vsock_virtio_transport",
    "ext4",
    "crc32c_cryptoapi",
    "button",
    "evdev",
    "efivarfs",
];

/// Applets that the machines' scripts use; a link each, since the kernel looks programs up by name.
const APPLETS: [&str; 55] = [
    "ash",
    "awk",
    "basename",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "echo",
    "env",
    "false",
    "grep",
    "head",
    "insmod",
    "ip",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mount",
    "mv",
    "nc",
    "nproc",
    "od",
    "pidof",
    "ping",
    "poweroff",
    "ps",
    "reboot",
    "rm",
    "sed",
    "seq",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stty",
    "switch_root",
    "sync",
    "tail",
    "tee",
    "timeout",
    "tr",
    "true",
    "truncate",
    "tunctl",
    "unshare",
    "wc",
];

/// Adds busybox and its applets to an archive.
pub(super) fn add_busybox<W: Write>(archive: &mut Archive<W>, images: &Images) -> Result<()> {
    archive.copy(&images.busybox()?, "bin/busybox")?;
    APPLETS.iter().try_for_each(|applet| archive.symlink(&format!("bin/{applet}"), "busybox"))
}

/// Modules of a guest with disks and drives on SATA and on virtio SCSI, with discs of ISO 9660. Kernels for clouds have no
/// SATA.
pub const BUS_MODULES: [&str; 5] = ["ahci", "virtio_scsi", "sd_mod", "sr_mod", "isofs"];

/// Writes an initramfs for `kernel` to `path`: it loads the modules and those that `more` names, mounts the disk that `disk=` of the command line
/// names, or `/dev/vda`, and goes on with `/sbin/init` there.
///
/// # Errors
/// The images are incomplete or the file cannot be written.
pub fn guest_initramfs(images: &Images, kernel: &KernelImage, more: &[&str], path: &Path) -> Result<()> {
    let mut archive = Archive::create(path)?;
    for directory in ["dev", "proc", "sys", "disk"] {
        archive.directory(directory)?;
    }
    archive.file("init", 0o755, INIT.as_bytes())?;
    add_busybox(&mut archive, images)?;
    modules::add(&mut archive, "modules", kernel, &[&MODULES[..], more].concat())?;
    archive.finish().map(drop)
}

/// The contents of a guest's disk: busybox and what is added.
#[derive(Debug)]
pub struct GuestDisk {
    root: TempDir,
}

impl GuestDisk {
    /// A disk with busybox, this script as its `/sbin/init`, and in `/lib` the steps of `guest-steps.sh` for it.
    ///
    /// # Errors
    /// The images are incomplete or this machine's disk is full.
    pub fn new(images: &Images, init: &str) -> Result<Self> {
        let root = TempDir::with_prefix("podvisor-disk-").context("Cannot make a directory for a disk")?;
        let disk = Self { root };
        for directory in ["bin", "sbin", "lib", "lib64", "dev", "proc", "sys", "tmp"] {
            fs::create_dir_all(disk.at(directory)).context("Cannot make a directory for a disk")?;
        }
        fs::copy(images.busybox()?, disk.at("bin/busybox")).context("Cannot copy busybox")?;
        for applet in APPLETS {
            std::os::unix::fs::symlink("busybox", disk.at("bin").join(applet)).context("Cannot link an applet")?;
        }
        disk.add_program("sbin/init", init.as_bytes())?;
        disk.add_program("lib/steps", STEPS.as_bytes())?;
        disk.add_program("lib/complaints", complaints::pattern().as_bytes())?;
        Ok(disk)
    }

    /// Adds a program or script.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_program(&self, path: &str, contents: &[u8]) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.at(path);
        fs::write(&path, contents)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("Cannot write {}", path.display()))
    }

    /// Adds a program of a Debian package that is unpacked at `root`, with its libraries.
    ///
    /// # Errors
    /// A file is missing, or cannot be copied.
    pub fn add_tool(&self, root: &Path, program: &str) -> Result<()> {
        for (source, path) in tools::files(root, program)? {
            fs::copy(&source, self.at(path.trim_start_matches('/')))
                .with_context(|| format!("Cannot copy {}", source.display()))?;
        }
        Ok(())
    }

    /// Writes a sparse image of `size_mib` MiB with an ext4 filesystem of these contents to `image`.
    ///
    /// # Errors
    /// mkfs.ext4 is missing or fails.
    pub fn write_image(&self, image: &Path, size_mib: u32) -> Result<()> {
        make_ext4(self.root.path(), image, size_mib)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

/// Writes a sparse image of `size_mib` MiB with an ext4 filesystem that holds what is in `directory`.
///
/// # Errors
/// mkfs.ext4 is missing or fails.
pub fn make_ext4(directory: &Path, image: &Path, size_mib: u32) -> Result<()> {
    let output = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-E", "root_owner=0:0", "-d"])
        .args([directory, image])
        .arg(format!("{size_mib}M"))
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output()
        .context("Cannot run mkfs.ext4: apt-get install e2fsprogs")?;
    ensure!(output.status.success(), "mkfs.ext4 failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
