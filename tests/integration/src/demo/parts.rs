//! Everything the demo runs: fetched and built at the same time.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::guest;
use super::host::Host;
use crate::images::{Images, Kernel, KernelImage};
use crate::{cargo, paths};

/// What the guest boots: neither this bzImage nor its modules need a program that unpacks them.
const KERNEL: Kernel = Kernel::Bookworm;

/// Files that are there.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) images: Images,
    pub(super) busybox: PathBuf,
    pub(super) kernel: KernelImage,
    pub(super) initramfs: PathBuf,
    pub(super) launcher: PathBuf,
    /// For KVM that runs nothing else.
    pub(super) test_guest: Option<PathBuf>,
    /// A disk that is made anew for each machine.
    pub(super) disk: PathBuf,
}

impl Parts {
    /// Fetches and builds what `host` needs; the test guest only where it is to be shown.
    pub(super) fn prepare(host: &Host, show_own_kvm: bool) -> Result<Self> {
        println!("Building Podvisor, and fetching Debian packages into target/images (apt-get download)");
        let directory = paths::target().join("demo");
        fs::create_dir_all(&directory).with_context(|| format!("Cannot make {}", directory.display()))?;
        let (images, launcher, test_guest) = thread::scope(|scope| {
            let images = scope.spawn(|| Images::ensure_for(KERNEL, !host.runs_linux()));
            let launcher = cargo::launcher()?;
            let test_guest = show_own_kvm.then(cargo::test_guest).transpose()?;
            let images = images.join().map_err(|_| anyhow!("A thread died"))??;
            anyhow::Ok((images, launcher, test_guest))
        })?;
        let kernel = images.kernel(KERNEL)?;
        let initramfs = directory.join("initramfs");
        guest::write_initramfs(&images, &kernel, &initramfs)?;
        let busybox = images.busybox()?;
        Ok(Self { images, busybox, kernel, initramfs, launcher, test_guest, disk: directory.join("disk") })
    }
}
