//! Disk images that boot by their own loader, by BIOS and by UEFI alike, made with Debian's own tools: a GPT with a BIOS
//! boot partition, an EFI system partition and, if asked for, a root filesystem.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::grub::{self, SECTOR};
use super::guest::GuestDisk;
use super::tools;
use crate::images::Images;

const MIB: u64 = 1 << 20;
/// Types of partitions (UEFI 2.10, 5.3.3, and GRUB's own).
const BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";
const EFI_SYSTEM: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const LINUX: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
/// Where the BIOS boot partition begins, and how long it is, in MiB.
const BIOS_BOOT_MIB: (u64, u64) = (1, 1);
/// Where the EFI system partition begins, in MiB.
const ESP_MIB: u64 = 2;
/// What a filesystem takes beside its files, in MiB.
const FAT_OVERHEAD_MIB: u64 = 4;

/// What UEFI starts from a disk of which it knows nothing else (UEFI 2.10, 3.5.1.1).
pub const UEFI_LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// What the root filesystem is called in the guest: by virtio, and by SATA and SCSI.
pub const ROOT_PARTITION: &str = "/dev/vda3";
/// As [`ROOT_PARTITION`].
pub const ROOT_PARTITION_OF_BUSES: &str = "/dev/sda3";

/// A disk image in the making.
#[derive(Debug)]
pub struct BootDisk<'a> {
    images: &'a Images,
    directory: TempDir,
    files: Vec<(PathBuf, String)>,
    root: Option<(&'a GuestDisk, u32)>,
    boots_by_bios: bool,
}

impl<'a> BootDisk<'a> {
    /// A disk whose boot loader, GRUB, does what `commands` say.
    ///
    /// # Errors
    /// This machine's disk is full.
    pub fn new(images: &'a Images, commands: &str) -> Result<Self> {
        let disk = Self { boots_by_bios: true, ..Self::for_uefi(images)? };
        let disk = disk.text(&grub::config(commands), grub::CONFIG)?;
        Ok(disk.file(&images.grub_for_efi(), UEFI_LOADER))
    }

    /// A disk for UEFI, whose boot loader is the file [`UEFI_LOADER`].
    ///
    /// # Errors
    /// This machine's disk is full.
    pub fn for_uefi(images: &'a Images) -> Result<Self> {
        let directory = TempDir::with_prefix("podvisor-boot-").context("Cannot make a directory for a disk")?;
        Ok(Self { images, directory, files: Vec::new(), root: None, boots_by_bios: false })
    }

    /// Adds a file with these contents.
    ///
    /// # Errors
    /// This machine's disk is full.
    pub fn text(self, contents: &str, path: &str) -> Result<Self> {
        let source = self.at(&path.replace('/', "-"));
        fs::write(&source, contents).with_context(|| format!("Cannot write {}", source.display()))?;
        Ok(self.file(&source, path))
    }

    /// Adds a copy of a file to the EFI system partition, which both firmwares' GRUBs read.
    #[must_use]
    pub fn file(mut self, source: &Path, path: &str) -> Self {
        self.files.push((source.to_owned(), path.to_owned()));
        self
    }

    /// Adds a root filesystem of `size_mib` MiB.
    #[must_use]
    pub fn root(mut self, root: &'a GuestDisk, size_mib: u32) -> Self {
        self.root = Some((root, size_mib));
        self
    }

    /// Writes the image, which is sparse, to `image`.
    ///
    /// # Errors
    /// A program fails, or this machine's disk is full.
    pub fn write_image(&self, image: &Path) -> Result<()> {
        let esp = self.write_esp()?;
        let esp_mib = fs::metadata(&esp).context("Cannot look at a partition")?.len() / MIB;
        let root_begin = ESP_MIB + esp_mib;
        let root_mib = self.root.map_or(0, |(_, mib)| u64::from(mib));
        let file = File::create_new(image).with_context(|| format!("Cannot make {}", image.display()))?;
        // The last MiB is for the second table.
        file.set_len((root_begin + root_mib + 1) * MIB).context("Cannot make a disk image")?;
        let mut table = format!(
            "label: gpt\n{}{}",
            line(BIOS_BOOT_MIB.0, BIOS_BOOT_MIB.1, BIOS_BOOT),
            line(ESP_MIB, esp_mib, EFI_SYSTEM)
        );
        if self.root.is_some() {
            table += &line(root_begin, root_mib, LINUX);
        }
        self.partition(image, &table)?;
        place(&esp, &file, ESP_MIB * MIB)?;
        if let Some((root, mib)) = self.root {
            let partition = self.at("root");
            root.write_image(&partition, mib)?;
            place(&partition, &file, root_begin * MIB)?;
        }
        if self.boots_by_bios {
            grub::install_for_bios(self.images, &file, BIOS_BOOT_MIB.0 * MIB / SECTOR, &self.at("core.img"))?;
        }
        Ok(())
    }

    fn partition(&self, image: &Path, table: &str) -> Result<()> {
        let mut command = tools::command(&self.images.boot_tools(), "sfdisk")?;
        let mut sfdisk =
            command.arg("--quiet").arg(image).stdin(Stdio::piped()).spawn().context("Cannot run sfdisk")?;
        if let Some(mut input) = sfdisk.stdin.take() {
            input.write_all(table.as_bytes()).context("Cannot tell sfdisk the partitions")?;
        }
        let status = sfdisk.wait().context("Cannot wait for sfdisk")?;
        ensure!(status.success(), "sfdisk failed ({status}) with:\n{table}");
        Ok(())
    }

    /// The EFI system partition, a FAT filesystem.
    fn write_esp(&self) -> Result<PathBuf> {
        let size = |path: &PathBuf| fs::metadata(path).map(|file| file.len());
        let sizes = self.files.iter().map(|(source, _)| size(source)).sum::<Result<u64, _>>();
        let mib = sizes.context("A file for a disk is missing")?.div_ceil(MIB) + FAT_OVERHEAD_MIB;
        let esp = self.at("esp");
        File::create(&esp).and_then(|file| file.set_len(mib * MIB)).context("Cannot make a partition")?;
        self.mtools(
            "mformat",
            &["-i"],
            &[&esp],
            &["-T", &(mib * MIB / SECTOR).to_string(), "-h", "64", "-s", "32", "::"],
        )?;
        let mut made = Vec::new();
        for (source, path) in &self.files {
            for (at, _) in path.match_indices('/') {
                let parent = &path[..at];
                if !made.contains(&parent) {
                    self.mtools("mmd", &["-i"], &[&esp], &[&format!("::/{parent}")])?;
                    made.push(parent);
                }
            }
            self.mtools("mcopy", &["-i"], &[&esp, source], &[&format!("::/{path}")])?;
        }
        Ok(esp)
    }

    fn mtools(&self, program: &str, options: &[&str], files: &[&Path], rest: &[&str]) -> Result<()> {
        let mut command: Command = tools::command(&self.images.boot_tools(), program)?;
        let output = command.args(options).args(files).args(rest).output();
        let output = output.with_context(|| format!("Cannot run {program}"))?;
        ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A partition for sfdisk.
fn line(begin_mib: u64, mib: u64, kind: &str) -> String {
    format!("start={}, size={}, type={kind}\n", begin_mib * MIB / SECTOR, mib * MIB / SECTOR)
}

/// Copies a partition to its place; what is zero stays a hole.
fn place(partition: &Path, image: &File, at: u64) -> Result<()> {
    let contents = fs::read(partition).with_context(|| format!("Cannot read {}", partition.display()))?;
    let mut place = at;
    for block in contents.chunks(4096) {
        if block.iter().any(|byte| *byte != 0) {
            image.write_all_at(block, place).context("Cannot write a partition")?;
        }
        place += u64::try_from(block.len())?;
    }
    Ok(())
}
