//! The Debian packages that nested tests use, fetched by apt and unpacked below `target/images`.
//!
//! `tests/images.lock` records what was last seen working. A recorded version that the mirror no longer has is
//! replaced by the current one, which apt authenticates like any other; that is said, and is no failure.

mod apt;
mod bzimage;
mod catalog;
mod fetch;
mod kernel;
mod lock;
mod source;

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, anyhow};

pub use catalog::{FirmwareSuite, Kernel};
pub use kernel::KernelImage;

use crate::paths;
use catalog::{CATALOG, Image};
use lock::Lock;

/// What the emulated machine boots.
pub(crate) const L1_KERNEL: Kernel = Kernel::Bookworm;

/// Where the images lie.
#[derive(Clone, Debug)]
pub struct Images {
    root: PathBuf,
}

impl Images {
    /// Fetches what is not there yet.
    ///
    /// # Errors
    /// This machine has no Debian mirror, a package cannot be had, or a program that unpacks it is missing.
    pub fn ensure() -> Result<Self> {
        let images = Self::at_target();
        let _turn = images.take_turn()?;
        images.fetch(|_| true)?;
        for kernel in Kernel::CLOUD {
            images.kernel(kernel)?.unpack()?;
        }
        Ok(images)
    }

    /// Fetches what is not there yet of what one kernel boots from, in an emulated machine or not. Its
    /// [`KernelImage::vmlinux`] need not be there afterwards.
    ///
    /// # Errors
    /// As [`Images::ensure`].
    pub fn ensure_for(kernel: Kernel, emulated: bool) -> Result<Self> {
        let images = Self::at_target();
        let _turn = images.take_turn()?;
        images.fetch(|name| match name {
            catalog::QEMU => emulated,
            catalog::BUSYBOX => true,
            _ => name == kernel.image() || emulated && name == L1_KERNEL.image(),
        })?;
        Ok(images)
    }

    fn fetch(&self, wanted: impl Fn(&str) -> bool + Sync) -> Result<()> {
        let lock = Lock::load()?;
        let keys = self.keys()?;
        self.each(|image| match wanted(image.name) {
            true => fetch::fetch(image, &lock, &keys, &self.root).map(drop),
            false => Ok(()),
        })?;
        Ok(())
    }

    /// Writes `tests/images.lock` anew from what the mirror has now, and fetches that.
    ///
    /// # Errors
    /// As [`Images::ensure`].
    pub fn relock() -> Result<()> {
        let images = Self::at_target();
        let _turn = images.take_turn()?;
        let nothing = Lock::default();
        let keys = images.keys()?;
        let fetched = images.each(|image| fetch::fetch(image, &nothing, &keys, &images.root))?;
        Lock::new(fetched.into_iter().flatten().collect()).save()
    }

    fn keys(&self) -> Result<PathBuf> {
        source::keys(&self.root.join("keys")).context("Cannot get Debian's keys: install debian-archive-keyring")
    }

    fn at_target() -> Self {
        Self { root: paths::target().join("images") }
    }

    /// Waits for other processes that fetch, until the returned file is dropped.
    fn take_turn(&self) -> Result<File> {
        fs::create_dir_all(&self.root).with_context(|| format!("Cannot make {}", self.root.display()))?;
        let path = self.root.join("turn");
        let file = File::create(&path).with_context(|| format!("Cannot make {}", path.display()))?;
        file.lock().with_context(|| format!("Cannot lock {}", path.display()))?;
        Ok(file)
    }

    /// Does `work` for all images at a time: most of it waits for the mirror.
    fn each<T: Send>(&self, work: impl Fn(&Image) -> Result<T> + Sync) -> Result<Vec<T>> {
        thread::scope(|scope| {
            let threads: Vec<_> = CATALOG.iter().map(|image| (image, scope.spawn(|| work(image)))).collect();
            threads
                .into_iter()
                .map(|(image, thread)| {
                    let done = thread.join().map_err(|_| anyhow!("A thread died"))?;
                    done.with_context(|| format!("Cannot get the image {}", image.name))
                })
                .collect()
        })
    }

    /// The root of the unpacked QEMU with all its libraries.
    pub fn qemu_root(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::QEMU)
    }

    /// The statically linked busybox.
    pub fn busybox(&self) -> Result<PathBuf> {
        let root = fetch::unpacked(&self.root, catalog::BUSYBOX);
        let candidates = [root.join("bin/busybox"), root.join("usr/bin/busybox")];
        candidates.into_iter().find(|path| path.exists()).context("The package busybox-static has no busybox")
    }

    /// The roots of the packages with lspci, lscpu and ethtool, with all their libraries.
    pub fn inspection_roots(&self) -> [PathBuf; 3] {
        [catalog::PCIUTILS, catalog::UTIL_LINUX, catalog::ETHTOOL].map(|name| fetch::unpacked(&self.root, name))
    }

    /// The directory `/usr/share` of a release's firmware packages: below it are `OVMF` and `seabios`.
    pub fn firmware(&self, suite: FirmwareSuite) -> PathBuf {
        fetch::unpacked(&self.root, suite.image()).join("usr/share")
    }

    /// iPXE's ROM for virtio networks, for PC BIOSes and for UEFI.
    pub fn network_rom(&self, suite: FirmwareSuite) -> PathBuf {
        let usr = fetch::unpacked(&self.root, suite.image()).join("usr");
        let directory = match suite {
            FirmwareSuite::Bookworm => "lib/ipxe/qemu",
            FirmwareSuite::Sid => "share/qemu",
        };
        usr.join(directory).join("efi-virtio.rom")
    }

    /// The root of the packages with GRUB, mtools and sfdisk, with all their libraries.
    pub fn boot_tools(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::BOOT_TOOLS)
    }

    /// GRUB's image for UEFI on installed systems, which Debian also signs.
    pub fn grub_for_efi(&self) -> PathBuf {
        self.boot_tools().join("usr/lib/grub/x86_64-efi/monolithic/grubx64.efi")
    }

    /// GRUB's image for UEFI from the network.
    pub fn grub_for_network(&self) -> PathBuf {
        self.boot_tools().join("usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi")
    }

    /// The root of the packages with efibootmgr and dmidecode, with all their libraries.
    pub fn firmware_tools(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::FIRMWARE_TOOLS)
    }

    /// The root of the packages with dnsmasq, with all its libraries.
    pub fn dnsmasq(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::DNSMASQ)
    }

    /// The root of the packages with fio, smartctl and eject, with all their libraries.
    pub fn disk_tools(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::DISK_TOOLS)
    }

    /// GRUB on a CD-ROM, for PC BIOSes.
    pub fn grub_disc(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::GRUB_DISC).join("usr/lib/grub-rescue/grub-rescue-cdrom.iso")
    }

    /// iPXE on a CD-ROM.
    pub fn ipxe_disc(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::IPXE_DISC).join("usr/lib/ipxe/ipxe.iso")
    }

    /// The root of the packages with iPXE and systemd-boot.
    pub fn media(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::MEDIA)
    }

    /// The library that holds a kernel for machines without firmware, PCI and ACPI.
    pub fn krunfw(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::KRUNFW).join("usr/lib/x86_64-linux-gnu/libkrunfw.so.5")
    }

    /// memtest86+, which is a kernel for boot loaders and a program for UEFI in one.
    pub fn memtest(&self) -> PathBuf {
        fetch::unpacked(&self.root, catalog::MEMTEST).join("boot/mt86+x64")
    }

    /// The directory of Debian's installer for the network: `linux` and `initrd.gz`.
    pub fn installer(&self) -> PathBuf {
        let root = fetch::unpacked(&self.root, catalog::INSTALLER);
        root.join("usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64")
    }

    /// A kernel.
    ///
    /// # Errors
    /// The packages do not hold what they should.
    pub fn kernel(&self, kernel: Kernel) -> Result<KernelImage> {
        KernelImage::find(&fetch::unpacked(&self.root, kernel.image()))
    }
}
