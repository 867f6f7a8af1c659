//! GRUB on a disk: Debian's own image for UEFI, and for BIOS what grub-install would do, on a file instead of a device.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tools;
use crate::images::Images;

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;

/// Where Debian's image looks for its configuration, in the partition from which it came.
pub(super) const CONFIG: &str = "EFI/debian/grub.cfg";

/// The modules of the image for BIOS, which finds none elsewhere.
const MODULES: [&str; 14] = [
    "biosdisk",
    "part_gpt",
    "fat",
    "ext2",
    "normal",
    "configfile",
    "linux",
    "linux16",
    "serial",
    "terminal",
    "echo",
    "test",
    "boot",
    "minicmd",
];

/// Bytes of the boot sector before what belongs to the partition table.
const BOOT_CODE: usize = 440;
/// Where the boot sector names the first sector of the core image (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`).
const KERNEL_SECTOR: usize = 0x5c;
/// Where the core image's first sector names the next one (`GRUB_BOOT_MACHINE_LIST_SIZE` before its end).
const NEXT_SECTOR: usize = 0x1f4;

/// A configuration that speaks on the serial console, says how it was started, and then does what `commands` say.
pub fn config(commands: &str) -> String {
    format!(
        "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n\
         echo \"boot loader: GRUB $grub_platform from $cmdpath\"\n{commands}\n"
    )
}

/// Further modules of the image for BIOS that comes from the network.
const NETWORK_MODULES: [&str; 2] = ["pxe", "tftp"];

/// Writes the image that a PC BIOS's network boot (PXE) gets; its configuration is `grub/grub.cfg` beside it.
///
/// # Errors
/// GRUB's package is incomplete, or the file cannot be written.
pub fn write_network_image(images: &Images, path: &Path) -> Result<()> {
    let modules = [&MODULES[..], &NETWORK_MODULES].concat();
    make_image(images, "i386-pc-pxe", "/grub", &modules, path)
}

/// Installs GRUB for BIOS on the disk `image`: its boot sector, and its core image at `sector`.
pub(super) fn install_for_bios(images: &Images, image: &File, sector: u64, core: &Path) -> Result<()> {
    make_image(images, "i386-pc", "(hd0,gpt2)/EFI/debian", &MODULES, core)?;
    let mut core = fs::read(core).context("Cannot read GRUB's core image")?;
    set(&mut core, NEXT_SECTOR, sector + 1)?;
    let mut boot =
        fs::read(modules(&images.boot_tools()).join("boot.img")).context("Cannot read GRUB's boot sector")?;
    set(&mut boot, KERNEL_SECTOR, sector)?;
    let code = boot.get(..BOOT_CODE).context("GRUB's boot sector is too short")?;
    image.write_all_at(code, 0).context("Cannot write the boot sector")?;
    image.write_all_at(&core, sector * SECTOR).context("Cannot write GRUB's core image")
}

/// Where GRUB's modules for BIOS are.
fn modules(root: &Path) -> PathBuf {
    root.join("usr/lib/grub/i386-pc")
}

/// Makes an image of `names` that looks for its configuration below `prefix`.
fn make_image(images: &Images, format: &str, prefix: &str, names: &[&str], image: &Path) -> Result<()> {
    let root = images.boot_tools();
    let output = tools::command(&root, "grub-mkimage")?
        .args(["--format", format, "--prefix", prefix, "--directory"])
        .arg(modules(&root))
        .arg("--output")
        .arg(image)
        .args(names)
        .output()
        .context("Cannot run grub-mkimage")?;
    ensure!(output.status.success(), "grub-mkimage failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Writes the number of a sector.
fn set(image: &mut [u8], at: usize, sector: u64) -> Result<()> {
    let place = image.get_mut(at..at + 8).context("An image of GRUB is too short")?;
    place.copy_from_slice(&sector.to_le_bytes());
    Ok(())
}
