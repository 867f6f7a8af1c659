//! What is fetched.

use std::fmt;

/// A set of packages that is unpacked together.
#[derive(Debug)]
pub(super) struct Image {
    /// The directory's name and the first word of its lines in the lock file.
    pub(super) name: &'static str,
    /// Debian's suite.
    pub(super) suite: &'static str,
    /// The packages that are asked for.
    pub(super) packages: &'static [&'static str],
    /// Which of them and of what they depend on are unpacked, by name.
    pub(super) keep: fn(&str) -> bool,
}

/// The packages that depend on the current kernels and are empty themselves.
const CURRENT_KERNEL: &str = "linux-image-cloud-amd64";
const CURRENT_ORDINARY_KERNEL: &str = "linux-image-amd64";

/// A kernel is one package in bookworm; image (empty), binary and modules in sid.
fn is_kernel(package: &str) -> bool {
    let part = ["linux-image-", "linux-binary-", "linux-modules-"].iter().any(|part| package.starts_with(part));
    part && ![CURRENT_KERNEL, CURRENT_ORDINARY_KERNEL].contains(&package)
}

/// The name of QEMU's image.
pub(super) const QEMU: &str = "qemu";
/// The name of busybox's image.
pub(super) const BUSYBOX: &str = "busybox";

/// The name of the image with lspci.
pub(super) const PCIUTILS: &str = "pciutils";
/// The name of the image with ethtool.
pub(super) const ETHTOOL: &str = "ethtool";
/// The name of the image with lscpu.
pub(super) const UTIL_LINUX: &str = "util-linux";

/// The name of the image with GRUB and the programs that make disk images.
pub(super) const BOOT_TOOLS: &str = "boot-tools";
/// The name of the image with what a guest tells of its firmware by.
pub(super) const FIRMWARE_TOOLS: &str = "firmware-tools";
/// The name of the image with iPXE and systemd-boot.
pub(super) const MEDIA: &str = "media";
/// The name of the image with the library that holds a kernel.
pub(super) const KRUNFW: &str = "krunfw";
/// The name of the image with memtest86+.
pub(super) const MEMTEST: &str = "memtest";
/// The names of the images with GRUB and iPXE on CD-ROMs.
pub(super) const GRUB_DISC: &str = "grub-disc";
pub(super) const IPXE_DISC: &str = "ipxe-disc";
/// The name of the image with Debian's installer.
pub(super) const INSTALLER: &str = "installer";

/// The name of the image with what tests disks and drives.
pub(super) const DISK_TOOLS: &str = "disk-tools";

/// The name of the image with dnsmasq.
pub(super) const DNSMASQ: &str = "dnsmasq";

/// UEFI is one package in bookworm, or an empty one that depends on several.
fn is_firmware(package: &str) -> bool {
    ["ovmf", "ovmf-generic", "seabios", "ipxe-qemu"].contains(&package)
}

/// All images.
pub(super) const CATALOG: [Image; 20] = [
    // The first QEMU whose emulated SVM keeps XSAVE state right.
    Image { name: QEMU, suite: "trixie", packages: &["qemu-system-x86"], keep: |_| true },
    Image {
        name: BUSYBOX,
        suite: "bookworm",
        packages: &["busybox-static"],
        keep: |package| package == "busybox-static",
    },
    Image { name: PCIUTILS, suite: "bookworm", packages: &["pciutils"], keep: |_| true },
    Image {
        name: ETHTOOL,
        suite: "bookworm",
        packages: &["ethtool"],
        keep: |package| ["ethtool", "libmnl0", "libc6"].contains(&package),
    },
    Image {
        name: UTIL_LINUX,
        suite: "bookworm",
        packages: &["util-linux"],
        keep: |package| ["util-linux", "libsmartcols1", "libc6"].contains(&package),
    },
    Image { name: Kernel::Bookworm.image(), suite: "bookworm", packages: &[CURRENT_KERNEL], keep: is_kernel },
    Image { name: Kernel::Sid.image(), suite: "sid", packages: &[CURRENT_KERNEL], keep: is_kernel },
    Image { name: Kernel::Ordinary.image(), suite: "bookworm", packages: &[CURRENT_ORDINARY_KERNEL], keep: is_kernel },
    Image {
        name: FirmwareSuite::Bookworm.image(),
        suite: "bookworm",
        packages: &["ovmf", "seabios", "ipxe-qemu"],
        keep: is_firmware,
    },
    Image {
        name: FirmwareSuite::Sid.image(),
        suite: "sid",
        packages: &["ovmf", "seabios", "ipxe-qemu"],
        keep: is_firmware,
    },
    Image {
        name: BOOT_TOOLS,
        suite: "bookworm",
        packages: &["grub-pc-bin", "grub-efi-amd64-bin", "mtools", "fdisk"],
        keep: |_| true,
    },
    Image { name: FIRMWARE_TOOLS, suite: "bookworm", packages: &["efibootmgr", "dmidecode"], keep: |_| true },
    Image {
        name: DISK_TOOLS,
        suite: "bookworm",
        packages: &["fio", "smartmontools", "eject"],
        keep: |package| {
            let tool = ["fio", "smartmontools", "eject", "zlib1g"].contains(&package);
            // fio's further programs are scripts.
            tool || package.starts_with("lib") && !["perl", "python"].iter().any(|language| package.contains(language))
        },
    },
    Image { name: DNSMASQ, suite: "bookworm", packages: &["dnsmasq-base"], keep: |_| true },
    Image {
        name: MEDIA,
        suite: "bookworm",
        packages: &["ipxe", "systemd-boot-efi"],
        keep: |package| ["ipxe", "systemd-boot-efi"].contains(&package),
    },
    Image {
        name: GRUB_DISC,
        suite: "bookworm",
        packages: &["grub-rescue-pc"],
        keep: |package| package == "grub-rescue-pc",
    },
    // Bookworm's disc boots by a PC BIOS only.
    Image { name: IPXE_DISC, suite: "sid", packages: &["ipxe"], keep: |package| package == "ipxe" },
    Image { name: KRUNFW, suite: "sid", packages: &["libkrunfw5"], keep: |package| package == "libkrunfw5" },
    // Bookworm's program for UEFI ends where there is no screen.
    Image { name: MEMTEST, suite: "sid", packages: &["memtest86+"], keep: |package| package == "memtest86+" },
    Image {
        name: INSTALLER,
        suite: "bookworm",
        packages: &["debian-installer-12-netboot-amd64"],
        keep: |package| package.starts_with("debian-installer-12-netboot"),
    },
];

/// Debian's releases whose firmware machines boot by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareSuite {
    /// A stable one.
    Bookworm,
    /// The newest.
    Sid,
}

impl FirmwareSuite {
    /// All.
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Sid];

    pub(super) const fn image(self) -> &'static str {
        match self {
            Self::Bookworm => "firmware-bookworm",
            Self::Sid => "firmware-sid",
        }
    }
}

impl fmt::Display for FirmwareSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bookworm => "bookworm",
            Self::Sid => "sid",
        })
    }
}

/// Debian's kernels that guests boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 6.1, a stable kernel for clouds.
    Bookworm,
    /// The newest for clouds.
    Sid,
    /// 6.1 with drivers of all hardware, as it is installed elsewhere: it knows SATA.
    Ordinary,
}

impl Kernel {
    /// Those for clouds, which most guests boot.
    pub const CLOUD: [Self; 2] = [Self::Bookworm, Self::Sid];

    pub(super) const fn image(self) -> &'static str {
        match self {
            Self::Bookworm => "kernel-bookworm",
            Self::Sid => "kernel-sid",
            Self::Ordinary => "kernel-ordinary",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bookworm => "bookworm",
            Self::Sid => "sid",
            Self::Ordinary => "ordinary",
        })
    }
}
