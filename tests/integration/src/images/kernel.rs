//! A kernel's packages, unpacked: the bzImage, the ELF file in it, and the modules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::bzimage;

/// A kernel with its modules.
#[derive(Clone, Debug)]
pub struct KernelImage {
    /// The release, as `uname -r` gives it.
    pub release: String,
    /// The compressed kernel with its real-mode set-up code.
    pub bzimage: PathBuf,
    /// The same kernel as an ELF file, which Debian does not ship; there after [`super::Images::ensure`].
    pub vmlinux: PathBuf,
    /// The directory of the modules.
    pub modules: PathBuf,
}

impl KernelImage {
    /// Finds the parts in the unpacked packages. Debian moved them below `usr` in 2025.
    pub(super) fn find(root: &Path) -> Result<Self> {
        let modules = [root.join("lib/modules"), root.join("usr/lib/modules")];
        let directory = modules.iter().find(|path| path.exists()).context("The packages hold no modules")?;
        let entry = fs::read_dir(directory).context("Cannot list the modules")?.next();
        let modules = entry.context("The packages hold no modules")?.context("Cannot list the modules")?.path();
        let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let places = [root.join(format!("boot/vmlinuz-{release}")), modules.join("vmlinuz")];
        let bzimage = places.into_iter().find(|path| path.exists()).context("The packages hold no kernel")?;
        Ok(Self { release, bzimage, vmlinux: root.join("vmlinux"), modules })
    }

    /// Takes the ELF file out of the kernel, once.
    pub(super) fn unpack(&self) -> Result<()> {
        if self.vmlinux.exists() {
            return Ok(());
        }
        let fresh = self.vmlinux.with_extension("new");
        bzimage::extract_elf(&self.bzimage, &fresh)?;
        fs::rename(&fresh, &self.vmlinux).context("Cannot move the unpacked kernel into place")
    }
}
