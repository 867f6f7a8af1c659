//! What Linux boots from: busybox, drivers and the scripts beside this file.

use std::path::Path;

use anyhow::{Context, Result};

use crate::images::{Images, KernelImage};
use crate::nested::cpio::Archive;
use crate::nested::{GUEST_NETWORK, compile, modules};

const INIT: &str = include_str!("guest-init.sh");
const CHECK: &str = include_str!("guest-check.sh");

/// Drivers of both boards. ext4 needs checksums by crc32c, and one module of it does the work.
const MODULES: [&str; 10] = [
    "crc32c_generic",
    "crc32c_cryptoapi",
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "ext4",
    "button",
    "evdev",
];

/// What the shell says first.
const MOTD: &str = "
This is the guest. Its disk is /dev/vda, its host 10.0.2.1 where it has a network (ping it). `check` looks at
everything, in two boots; `poweroff` ends the machine, and so does Ctrl-], which presses its power button.
";

/// `poweroff` and `reboot` ask an init that is not there.
const SHELL: &str = "PS1='guest# '\nalias poweroff='sync; poweroff -f' reboot='sync; reboot -f'\n";

/// Writes the initramfs for `kernel` to `path`.
pub(super) fn write_initramfs(images: &Images, kernel: &KernelImage, path: &Path) -> Result<()> {
    let mut archive = Archive::create(path)?;
    ["bin", "dev", "proc", "sys", "root", "tmp"].into_iter().try_for_each(|name| archive.directory(name))?;
    archive.copy(&images.busybox()?, "bin/busybox")?;
    let directory = path.parent().context("The initramfs stands in a directory")?;
    archive.copy(&compile("mark.c", directory)?, "bin/mark")?;
    archive.file("init", 0o755, INIT.as_bytes())?;
    archive.file("lib/network", 0o644, GUEST_NETWORK.as_bytes())?;
    archive.file("bin/check", 0o755, CHECK.as_bytes())?;
    archive.file("etc/motd", 0o644, MOTD.as_bytes())?;
    archive.file("etc/shellrc", 0o644, SHELL.as_bytes())?;
    modules::add(&mut archive, "modules", kernel, &MODULES)?;
    archive.finish().map(drop)
}
